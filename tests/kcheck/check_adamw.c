/* AdamW, the squared norm and the clipping factor. */
#include <math.h>

#include "kernels/adamw.h"
#include "kernels/clip.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/*
 * m and v are two products and a sum each: three roundings. The terms may cancel, so the bound is relative to the
 * largest value. p moves by at most a few times lr; that step is accurate to a few 2^-24 of itself and of p.
 */
#define MOMENT_ERROR ((struct kc_near){.rel = 3e-7, .abs = 1e-12, .of_max = 2e-7})

/* Both sides' values differ by a few 2^-24 before stochastic rounding, so they may be rounded to different neighbours.
 * EXACT terms do not depend on the order of rounding, so the results have the same bits: this checks every random
 * number. */
#define ROUNDED_ERROR ((struct kc_near){.rel = 0x1p-8 + 3e-7, .abs = 1e-12, .of_max = 2e-7})

enum scale { CLIPPED, NO_SCALE, SCALE_NAN, EXACT };

static void make_positive(void *v, enum bit_dtype dtype, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (dtype == BIT_F32)
            ((float *)v)[i] = fabsf(((float *)v)[i]);
        else
            ((bit_bf16 *)v)[i] &= 0x7fff;
    }
}

/* Values of eight significant bits, so that halves, squares and their sums are exact in f32. */
static const float *exact_gradient(struct kc *k, int64_t count)
{
    const bit_bf16 *from = kc_in(k, "g of bf16", BIT_BF16, count, 0.1);
    float *g = kc_room(k, "g", KC_F32, count);

    for (int64_t i = 0; i < count; i++)
        g[i] = bit_bf16_to_f32(from[i]);
    return g;
}

static int check_adamw(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0];
    const enum scale scale = (enum scale)dim[3];
    const enum bit_dtype moments = (enum bit_dtype)dim[4];
    const struct kc_near near = scale == EXACT ? KC_EXACT : moments == BIT_BF16 ? ROUNDED_ERROR : MOMENT_ERROR;
    double *grad_scale = kc_room(k, "grad_scale", KC_F64, 1);
    void *v = kc_inout(k, "v", moments, count, 1e-3, near);
    const struct bit_adamw_args args = {
        .count = count,
        .p = kc_inout(k, "p", BIT_F32, count, 0.02, KC_NEAR(3e-7, 1e-8)),
        .m = kc_inout(k, "m", moments, count, 1e-2, near),
        .v = v,
        .moments = moments,
        .g = scale == EXACT ? exact_gradient(k, count) : kc_in(k, "g", BIT_F32, count, 0.1),
        .copy = dim[2] ? kc_out(k, "copy", KC_BF16, count, KC_NEAR(3e-7, 1e-8)) : NULL,
        .lr = 4e-4,
        .beta1 = scale == EXACT ? 0.5 : 0.9,
        .beta2 = scale == EXACT ? 0.5 : 0.95,
        .eps = 1e-5,
        .weight_decay = dim[1] % 2 ? 0.1 : 0,
        .grad_scale = scale == NO_SCALE || scale == EXACT ? NULL : grad_scale,
        .t = (uint64_t)dim[1],
        .seed = 6198,
        .first = dim[5],
    };

    *grad_scale = scale == SCALE_NAN ? NAN : 0.37; /* NaN: the operator must change nothing */
    make_positive(v, moments, count);
    return kc_call(k, &args);
}

static void cost_adamw(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)dim[0] * ((dim[2] ? 14 : 12) + 4 * (double)bit_dtype_bytes((enum bit_dtype)dim[4]));
    out->flops = 0;
}

/* A first index such that element 493's index is 2^32: the high half changes inside a SIMD vector of any width. */
#define ACROSS (((int64_t)1 << 32) - 493)

static const struct kc_shape adamw_shapes[] = {
    {KC_QUICK, {0, 1, 0, CLIPPED, BIT_F32, 0}},
    {KC_QUICK, {1, 1, 1, CLIPPED, BIT_F32, 0}},
    {KC_QUICK, {1001, 1, 1, CLIPPED, BIT_F32, 0}},
    {KC_QUICK, {1001, 2, 0, NO_SCALE, BIT_F32, 0}},
    {KC_QUICK, {1001, 2, 0, SCALE_NAN, BIT_F32, 0}},
    {KC_QUICK, {40000, 731, 1, CLIPPED, BIT_F32, 0}},
    {KC_FULL, {1 << 20, 100000, 1, CLIPPED, BIT_F32, 0}},
    {KC_BENCH, {1 << 24, 1000, 1, CLIPPED, BIT_F32, 0}},
    {KC_QUICK, {0, 1, 0, CLIPPED, BIT_BF16, 0}},
    {KC_QUICK, {1, 1, 1, CLIPPED, BIT_BF16, 0}},
    {KC_QUICK, {1001, 2, 0, SCALE_NAN, BIT_BF16, 0}},
    {KC_QUICK, {1001, 3, 0, EXACT, BIT_BF16, 16384}},
    {KC_QUICK, {40000, 731, 1, CLIPPED, BIT_BF16, 3}},
    {KC_QUICK, {40000, 732, 0, EXACT, BIT_BF16, ACROSS}},
    {KC_FULL, {1 << 20, 100000, 1, EXACT, BIT_BF16, ACROSS}},
    {KC_BENCH, {1 << 24, 1000, 1, CLIPPED, BIT_BF16, 0}},
};
KC_OP(adamw, "count update copy grad_scale moments:t first", adamw_shapes, check_adamw, cost_adamw, KC_DETERMINISTIC)

static int check_sumsq(struct kc *k, const int64_t *dim)
{
    const struct bit_sumsq_args args = {
        .count = dim[0],
        .g = kc_in(k, "g", BIT_F32, dim[0], 0.1),
        .sums = kc_out(k, "sums", KC_F64, (dim[0] + BIT_SUM_BLOCK - 1) / BIT_SUM_BLOCK, KC_EXACT),
    };

    return kc_call(k, &args);
}

static void cost_sumsq(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 4.0 * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape sumsq_shapes[] = {
    {KC_QUICK, {0}},     {KC_QUICK, {1}},      {KC_QUICK, {16384}},
    {KC_QUICK, {49999}}, {KC_FULL, {9000001}}, {KC_BENCH, {1 << 24}},
};
KC_OP(sumsq, "count", sumsq_shapes, check_sumsq, cost_sumsq, KC_DETERMINISTIC)

static int check_clip(struct kc *k, const int64_t *dim)
{
    double *sums = kc_room(k, "sums", KC_F64, dim[0]);
    const struct bit_clip_args args = {
        .blocks = dim[0],
        .sums = sums,
        .clip_norm = (double)dim[1],
        .norm = kc_out(k, "norm", KC_F64, 1, KC_EXACT),
        .scale = kc_out(k, "scale", KC_F64, 1, KC_EXACT),
    };

    for (int64_t b = 0; b < dim[0]; b++)
        sums[b] = 1.0 / (double)(3 * b + 1);
    return kc_call(k, &args);
}

static void cost_clip(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 8.0 * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape clip_shapes[] = {
    {KC_QUICK, {0, 1}}, {KC_QUICK, {1, 1}}, {KC_QUICK, {255, 0}}, {KC_QUICK, {70001, 1}}, {KC_BENCH, {71826, 1}},
};
KC_OP(clip, "blocks clip_norm", clip_shapes, check_clip, cost_clip, KC_DETERMINISTIC)
