/* Products fused with SwiGLU, its gradient or a rotation. */
#include <math.h>

#include "kernels/fused_product.h"
#include "kernels/matmul_rope.h"
#include "kernels/matmul_swiglu.h"
#include "kernels/rope.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

#define HEAD_DIM 128

/* Whether this call is for a GPU that has no fused kernels: nothing is checked there. */
static bool lacks_kernels(const struct kc *k)
{
    const struct bit_fused_product large = {
        .kind = BIT_FUSED_ROPE, .m = 1 << 14, .n = 1 << 14, .k = 1 << 14, .head_dim = HEAD_DIM, .dtype = BIT_BF16};

    return kc_backend(k) == BIT_BACKEND_CUDA && bit_fused_product_refused(kc_exec(k), &large) != NULL;
}

/* Weights are scaled so that sums are of order two, however many terms they have. */
static double weight_scale(int64_t k)
{
    return 2 / sqrt((double)k);
}

/* As check_matmul.c's: each of k additions is off by up to 2^-24 of a partial sum. */
static struct kc_near sum_near(int64_t k)
{
    return KC_NEAR(1e-6, (double)k * 0x1p-22);
}

/* A sum near the middle of two bf16 values may be rounded to either, so that up and gate are each off by 2^-8 of
 * themselves; where silu falls, below zero, y changes by that times up, which is of order ten. */
static int check_matmul_swiglu(struct kc *k, const int64_t *dim)
{
    const int64_t m = dim[0], n = dim[1], depth = dim[2];
    const struct bit_matmul_swiglu_args args = {
        .m = m,
        .n = n,
        .k = depth,
        .x = kc_in(k, "x", BIT_BF16, m * depth, 1),
        .w = kc_in(k, "w", BIT_BF16, 2 * n * depth, weight_scale(depth)),
        .ug = kc_out(k, "ug", KC_BF16, m * 2 * n, sum_near(depth)),
        .y = kc_out(k, "y", KC_BF16, m * n, KC_NEAR(0x1p-6, 0.05)),
    };

    return lacks_kernels(k) ? 0 : kc_call(k, &args);
}

static void cost_matmul_swiglu(const int64_t *dim, struct kc_cost *out)
{
    const double m = (double)dim[0], n = (double)dim[1], k = (double)dim[2];

    out->bytes = 2 * (m * k + 2 * n * k + 3 * m * n);
    out->flops = 4 * m * n * k;
    out->multiplied = BIT_BF16;
}

/* Edges of 16 bytes, of a slab, of pieces, tiles and clusters; a ring that comes round; more tiles than an H200's
 * blocks have at a time, in one and in several bands; then OLMo-1B's. */
static const struct kc_shape forward_shapes[] = {
    {KC_QUICK, {0, 8, 8}},          {KC_QUICK, {1, 8, 8}},      {KC_QUICK, {64, 96, 64}},
    {KC_QUICK, {129, 104, 72}},     {KC_QUICK, {100, 64, 8}},   {KC_QUICK, {193, 136, 520}},
    {KC_QUICK, {3, 19208, 328}},    {KC_FULL, {260, 200, 136}}, {KC_FULL, {2000, 1096, 72}},
    {KC_HUGE, {16384, 8192, 2048}},
};
#define FLAGS (KC_DETERMINISTIC | KC_COSTLY | KC_DEVICE_ONLY | KC_ALIGNED)
KC_OP(matmul_swiglu, "m n k", forward_shapes, check_matmul_swiglu, cost_matmul_swiglu, FLAGS)

/* dn may be off by 2^-8 of itself, because its sum may be rounded to the other neighbour; up and silu, of order ten,
 * multiply it. */
static struct kc_near dug_near(int64_t k)
{
    return KC_NEAR(0x1p-7, 4e-3 + (double)k * 0x1p-18);
}

static int check_matmul_swiglu_backward(struct kc *k, const int64_t *dim)
{
    const int64_t m = dim[0], n = dim[1], depth = dim[2];
    const bool in_place = dim[3] != 0;
    void *ug = in_place ? kc_inout(k, "ug", BIT_BF16, m * 2 * n, 3, dug_near(depth))
                        : kc_in(k, "ug", BIT_BF16, m * 2 * n, 3);
    const struct bit_matmul_swiglu_backward_args args = {
        .m = m,
        .n = n,
        .k = depth,
        .dy = kc_in(k, "dy", BIT_BF16, m * depth, 1),
        .w = kc_in(k, "w", BIT_BF16, n * depth, weight_scale(depth)),
        .ug = ug,
        .dug = in_place ? ug : kc_out(k, "dug", KC_BF16, m * 2 * n, dug_near(depth)),
    };

    return lacks_kernels(k) ? 0 : kc_call(k, &args);
}

static void cost_matmul_swiglu_backward(const int64_t *dim, struct kc_cost *out)
{
    const double m = (double)dim[0], n = (double)dim[1], k = (double)dim[2];

    out->bytes = 2 * (m * k + n * k + 4 * m * n);
    out->flops = 2 * m * n * k;
    out->multiplied = BIT_BF16;
}

static const struct kc_shape backward_shapes[] = {
    {KC_QUICK, {0, 8, 8, 0}},          {KC_QUICK, {1, 8, 8, 1}},          {KC_QUICK, {64, 192, 64, 0}},
    {KC_QUICK, {129, 200, 72, 1}},     {KC_QUICK, {100, 64, 8, 0}},       {KC_QUICK, {193, 264, 520, 1}},
    {KC_QUICK, {3, 38408, 328, 1}},    {KC_FULL, {260, 328, 136, 0}},     {KC_FULL, {2000, 2184, 72, 1}},
    {KC_HUGE, {16384, 8192, 2048, 1}}, {KC_HUGE, {16384, 8192, 2048, 1}},
};
KC_OP(matmul_swiglu_backward, "m n k in_place", backward_shapes, check_matmul_swiglu_backward,
      cost_matmul_swiglu_backward, FLAGS)

/* The values that are rotated may each be off by 2^-8 of themselves; the errors of both halves add up. */
static int check_matmul_rope(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0] * dim[1], n = 3 * dim[2] * HEAD_DIM, depth = dim[3];
    float *cos_sin = kc_room(k, "cos_sin", KC_F32, dim[1] * HEAD_DIM);
    const struct bit_matmul_rope_args args = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = HEAD_DIM,
        .k = depth,
        .x = kc_in(k, "x", BIT_BF16, rows * depth, 1),
        .w = kc_in(k, "w", BIT_BF16, n * depth, weight_scale(depth)),
        .cos_sin = cos_sin,
        .qkv = kc_out(k, "qkv", KC_BF16, rows * n, KC_NEAR(0x1p-7, 0.1)),
    };

    bit_rope_table(dim[1], HEAD_DIM, 10000, cos_sin);
    return lacks_kernels(k) ? 0 : kc_call(k, &args);
}

static void cost_matmul_rope(const int64_t *dim, struct kc_cost *out)
{
    const double m = (double)(dim[0] * dim[1]), n = (double)(3 * dim[2] * HEAD_DIM), k = (double)dim[3];

    out->bytes = 2 * (m * k + n * k + m * n);
    out->flops = 2 * m * n * k;
    out->multiplied = BIT_BF16;
}

static const struct kc_shape rope_shapes[] = {
    {KC_QUICK, {0, 8, 1, 8}},    {KC_QUICK, {1, 1, 1, 8}},     {KC_QUICK, {2, 64, 2, 64}},
    {KC_QUICK, {3, 43, 1, 72}},  {KC_QUICK, {1, 193, 2, 520}}, {KC_QUICK, {2, 2, 100, 328}},
    {KC_FULL, {3, 171, 2, 136}}, {KC_FULL, {4, 500, 6, 72}},   {KC_HUGE, {8, 2048, 16, 2048}},
};
KC_OP(matmul_rope, "batch time heads k", rope_shapes, check_matmul_rope, cost_matmul_rope, FLAGS)
