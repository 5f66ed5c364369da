/* AdamW, the squared norm and the factor that clips it. */
#include <math.h>

#include "kernels/adamw.h"
#include "kernels/clip.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/*
 * m and v are two products and a sum each: three roundings, which cancel where the terms do, so the bound is of the
 * largest. p moves by at most a few times lr; that step is good to a few 2^-24 of itself and of p.
 */
#define MOMENT_ERROR ((struct kc_near){.rel = 3e-7, .abs = 1e-12, .of_max = 2e-7})

static int check_adamw(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0];
    double *grad_scale = kc_room(k, "grad_scale", KC_F64, 1);
    float *v = kc_inout(k, "v", BIT_F32, count, 1e-3, MOMENT_ERROR);
    const struct bit_adamw_args args = {
        .count = count,
        .p = kc_inout(k, "p", BIT_F32, count, 0.02, KC_NEAR(3e-7, 1e-8)),
        .m = kc_inout(k, "m", BIT_F32, count, 1e-2, MOMENT_ERROR),
        .v = v,
        .g = kc_in(k, "g", BIT_F32, count, 0.1),
        .copy = dim[2] ? kc_out(k, "copy", KC_BF16, count, KC_NEAR(3e-7, 1e-8)) : NULL,
        .lr = 4e-4,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .eps = 1e-5,
        .weight_decay = dim[1] % 2 ? 0.1 : 0,
        .grad_scale = dim[3] == 1 ? NULL : grad_scale,
        .t = (uint64_t)dim[1],
    };

    *grad_scale = dim[3] == 2 ? NAN : 0.37; /* NaN: nothing may change */
    for (int64_t i = 0; i < count; i++)
        v[i] = fabsf(v[i]);
    return kc_call(k, &args);
}

static void cost_adamw(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)dim[0] * (dim[2] ? 30 : 28);
    out->flops = 0;
}

static const struct kc_shape adamw_shapes[] = {
    {KC_QUICK, {0, 1, 0, 0}},           {KC_QUICK, {1, 1, 1, 0}},          {KC_QUICK, {1001, 1, 1, 0}},
    {KC_QUICK, {1001, 2, 0, 1}},        {KC_QUICK, {1001, 2, 0, 2}},       {KC_QUICK, {40000, 731, 1, 0}},
    {KC_FULL, {1 << 20, 100000, 1, 0}}, {KC_BENCH, {1 << 24, 1000, 1, 0}},
};
KC_OP(adamw, "count update copy grad_scale", adamw_shapes, check_adamw, cost_adamw, KC_DETERMINISTIC)

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
