/* The ternary linear layer and its gradient. */
#include <string.h>

#include "config.h"
#include "kernels/cuda/gemm/bitlinear.h"
#include "proto/check.h"
#include "tests/kcheck/peer.h"

/* Uneven segments, whose ends fall inside vectors and words. For the timed shapes of models they are even, because a
 * library may be slower with unaligned ends. The scales are not powers of two. */
static struct bit_segments segments(struct kc *k, int64_t m, int64_t n, int64_t count)
{
    static const float scales[BIT_SEGMENTS_MAX] = {31.7f, 9.3f, 55.1f};
    float *scale = kc_room(k, "scale", KC_F32, count);
    struct bit_segments s = {.count = (int)count, .scale = scale};
    const bool even = m >= 16384 && n % count == 0;
    int64_t left = n;

    memcpy(scale, scales, (size_t)count * sizeof *scale);
    for (int i = 0; i + 1 < s.count; i++)
        left -= s.rows[i] = n / count - (even ? 0 : i);
    s.rows[s.count - 1] = left;
    return s;
}

static float *x_scale(struct kc *k, int64_t m)
{
    return kc_in_whole(k, "x_scale", KC_F32, m, 3, 90);
}

static void *codes_or_blends(struct kc *k, const char *name, enum bit_dtype dtype, int64_t count)
{
    return dtype == BIT_I8 ? kc_in_whole(k, name, KC_I8, count, -1, 1) : kc_in(k, name, dtype, count, 1);
}

static void *activations(struct kc *k, enum bit_dtype dtype, int64_t count)
{
    return dtype == BIT_I8 ? kc_in_whole(k, "q", KC_I8, count, -128, 127) : kc_in(k, "q", dtype, count, 40);
}

/* Blends: the bound of check_matmul.c, for activations of order 40 divided by scales of at least 9 and 3. */
static struct kc_near forward_near(enum bit_dtype dtype, int64_t k)
{
    return dtype == BIT_I8 ? KC_EXACT : KC_NEAR(1e-6, (double)k * 0x1p-22 * 40 / 27);
}

static int check_bitlinear(struct kc *k, const int64_t *dim)
{
    const int64_t m = dim[0], n = dim[1], depth = dim[2];
    const enum bit_dtype qw = (enum bit_dtype)dim[4], y = (enum bit_dtype)dim[5];
    const struct kc_near near = forward_near(qw, depth);

    kc_workspace(k, bit_bitlinear_workspace(kc_backend(k), kc_threads(k), m, n, depth));
    struct bit_bitlinear_args args = {
        .m = m,
        .n = n,
        .k = depth,
        .q = activations(k, qw, m * depth),
        .w = codes_or_blends(k, "w", qw, n * depth),
        .qw_dtype = qw,
        .x_scale = x_scale(k, m),
        .segments = segments(k, m, n, dim[3]),
        .y_dtype = y,
    };
    const void *addend = NULL;

    args.y = kc_sum_onto(k, "y", (enum kc_addend)dim[6], y, m * n, near, &addend);
    args.addend = addend;
    return kc_call(k, &args);
}

static void cost_bitlinear(const int64_t *dim, struct kc_cost *out)
{
    const double m = (double)dim[0], n = (double)dim[1], k = (double)dim[2];

    out->bytes = (m * k + n * k) * (double)bit_dtype_bytes((enum bit_dtype)dim[4]) +
                 m * n * (double)bit_dtype_bytes((enum bit_dtype)dim[5]) * (dim[6] ? 2 : 1);
    out->flops = 2 * m * n * k;
    out->multiplied = (enum bit_dtype)dim[4];
}

static const struct kc_shape forward_shapes[] = {
    {KC_QUICK, {1, 1, 1, 1, BIT_I8, BIT_F32, 0}},
    {KC_QUICK, {0, 5, 4, 1, BIT_I8, BIT_F32, 0}},
    {KC_QUICK, {7, 65, 64, 1, BIT_I8, BIT_F32, 0}},
    {KC_QUICK, {13, 200, 63, 3, BIT_I8, BIT_F32, 1}}, /* k is no multiple of a word */
    {KC_QUICK, {13, 200, 61, 2, BIT_I8, BIT_BF16, 0}},
    {KC_QUICK, {100, 130, 1028, 3, BIT_I8, BIT_BF16, 0}},
    {KC_QUICK, {5, 70, 17000, 1, BIT_I8, BIT_F32, 1}}, /* partial sums kept */
    {KC_QUICK, {13, 200, 63, 3, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {13, 200, 64, 2, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {13, 200, 63, 3, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {100, 66, 1030, 2, BIT_F32, BIT_BF16, 0}},
    {KC_QUICK, {13, 200, 63, 3, BIT_I8, BIT_F32, KC_ADDEND_APART}},
    {KC_QUICK, {13, 200, 63, 1, BIT_F32, BIT_F32, KC_ADDEND_APART}},
    {KC_FULL, {300, 2100, 256, 1, BIT_I8, BIT_BF16, 0}},
    {KC_BENCH, {2048, 768, 256, 1, BIT_I8, BIT_BF16, 0}},
    {KC_BENCH, {2048, 768, 256, 3, BIT_I8, BIT_BF16, 0}},
    {KC_BENCH, {2048, 256, 256, 1, BIT_I8, BIT_F32, 1}},
    {KC_BENCH, {2048, 2048, 256, 1, BIT_I8, BIT_BF16, 0}},
    {KC_BENCH, {2048, 256, 1024, 1, BIT_I8, BIT_F32, 1}},
    {KC_LARGE, {2048, 2048, 2048, 1, BIT_I8, BIT_BF16, 0}},
    /* for Hopper's tiles, 128 x 256 x 128: partial tiles on every side, segments that end inside a tile, more tiles
     * than multiprocessors; and the products of OLMo-1B at micro-batch 8 */
    {KC_QUICK, {300, 520, 528, 3, BIT_I8, BIT_BF16, 0}},
    {KC_QUICK, {300, 516, 528, 3, BIT_I8, BIT_F32, KC_ADDEND_APART}},
    {KC_QUICK, {128, 256, 128, 1, BIT_I8, BIT_BF16, 0}},
    {KC_QUICK, {129, 264, 2064, 2, BIT_I8, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_QUICK, {1, 8, 16, 1, BIT_I8, BIT_BF16, 0}},
    {KC_FULL, {4200, 4104, 48, 2, BIT_I8, BIT_BF16, 0}},
    {KC_FULL, {2047, 2048, 256, 1, BIT_I8, BIT_F32, KC_ADDEND_APART}},
    {KC_HUGE, {16384, 6144, 2048, 3, BIT_I8, BIT_BF16, 0}},
    {KC_HUGE, {16384, 2048, 2048, 1, BIT_I8, BIT_F32, KC_ADDEND_APART}},
    {KC_HUGE, {16384, 16384, 2048, 1, BIT_I8, BIT_BF16, 0}},
    {KC_HUGE, {16384, 2048, 8192, 1, BIT_I8, BIT_F32, KC_ADDEND_APART}},
};
KC_OP(bitlinear, "m n k segments qw:t y:t addend", forward_shapes, check_bitlinear, cost_bitlinear, KC_DETERMINISTIC,
      .peers = {[KC_PEER_BF16] = kc_bf16_forward})

#if BIT_HAVE_CUDA
/* The kernel of older GPUs, checked on Hopper, too. */
static const struct kc_shape older_shapes[] = {
    {KC_QUICK, {300, 520, 528, 3, BIT_I8, BIT_BF16, 0}},
    {KC_QUICK, {129, 264, 2064, 2, BIT_I8, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_HUGE, {16384, 6144, 2048, 1, BIT_I8, BIT_BF16, 0}},
};

static int run_older(const struct bit_exec *exec, const void *args)
{
    return exec->backend == BIT_BACKEND_CUDA ? bit_ternary_gemm_sm80(exec, args) : bit_bitlinear(exec, args);
}
KC_WAY(bitlinear_sm80, bitlinear, "m n k segments qw:t y:t addend", older_shapes, check_bitlinear, run_older,
       cost_bitlinear, KC_DETERMINISTIC | KC_DEVICE_ONLY)
#endif

static int check_backward_data(struct kc *k, const int64_t *dim)
{
    const int64_t m = dim[0], n = dim[1], depth = dim[2];
    const enum bit_dtype dy = (enum bit_dtype)dim[4], w = (enum bit_dtype)dim[5], dn = (enum bit_dtype)dim[6];

    kc_workspace(k, bit_bitlinear_workspace(kc_backend(k), kc_threads(k), m, n, depth));
    const struct bit_bitlinear_backward_data_args args = {
        .m = m,
        .n = n,
        .k = depth,
        .dy = kc_in(k, "dy", dy, m * n, 1),
        .dy_dtype = dy,
        .w = codes_or_blends(k, "w", w, n * depth),
        .w_dtype = w,
        .segments = segments(k, m, n, dim[3]),
        .dn = kc_out(k, "dn", (enum kc_type)dn, m * depth, KC_NEAR(1e-6, (double)n * 0x1p-22 / 9)),
        .dn_dtype = dn,
    };
    return kc_call(k, &args);
}

static void cost_backward_data(const int64_t *dim, struct kc_cost *out)
{
    const double m = (double)dim[0], n = (double)dim[1], k = (double)dim[2];

    out->bytes = m * n * (double)bit_dtype_bytes((enum bit_dtype)dim[4]) +
                 n * k * (double)bit_dtype_bytes((enum bit_dtype)dim[5]) +
                 m * k * (double)bit_dtype_bytes((enum bit_dtype)dim[6]);
    out->flops = 2 * m * n * k;
    out->multiplied = (enum bit_dtype)dim[4];
}

static const struct kc_shape data_shapes[] = {
    {KC_QUICK, {1, 1, 1, 1, BIT_BF16, BIT_I8, BIT_F32}},
    {KC_QUICK, {7, 65, 33, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_QUICK, {13, 200, 61, 3, BIT_BF16, BIT_I8, BIT_F32}},
    {KC_QUICK, {13, 200, 61, 3, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_QUICK, {13, 201, 61, 2, BIT_BF16, BIT_BF16, BIT_F32}},
    {KC_QUICK, {13, 201, 61, 2, BIT_F32, BIT_F32, BIT_F32}},
    {KC_QUICK, {13, 201, 61, 3, BIT_F32, BIT_I8, BIT_F32}},
    {KC_QUICK, {50, 2100, 70, 3, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_FULL, {1100, 3072, 600, 3, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_BENCH, {2048, 768, 256, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_BENCH, {2048, 2048, 256, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_BENCH, {2048, 256, 1024, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_LARGE, {2048, 2048, 2048, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_HUGE, {16384, 6144, 2048, 1, BIT_BF16, BIT_BF16, BIT_BF16}},
    {KC_HUGE, {16384, 6144, 2048, 3, BIT_BF16, BIT_BF16, BIT_BF16}},
    {KC_HUGE, {16384, 6144, 2048, 1, BIT_BF16, BIT_I8, BIT_BF16}},
    {KC_HUGE, {16384, 2048, 2048, 1, BIT_BF16, BIT_BF16, BIT_BF16}},
    {KC_HUGE, {16384, 16384, 2048, 1, BIT_BF16, BIT_BF16, BIT_BF16}},
    {KC_HUGE, {16384, 2048, 8192, 1, BIT_BF16, BIT_BF16, BIT_BF16}},
};
KC_OP(bitlinear_backward_data, "m n k segments dy:t w:t dn:t", data_shapes, check_backward_data, cost_backward_data,
      KC_DETERMINISTIC, .peers = {[KC_PEER_BF16] = kc_bf16_backward_data})
