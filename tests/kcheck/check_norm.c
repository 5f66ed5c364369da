/* LayerNorm and RMSNorm. */
#include "kernels/norm.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/*
 * Sums of C terms in f32, in any order of vector lanes, have an error of at most about sqrt(C) 2^-24 of the sum of
 * magnitudes (rounding errors are independent), less than 2^-17 for C = 8192. Mean and deviation pass it on to y, whose
 * values are of order one. 4e-6 is 2^-18. The gradient's three terms are of order one, too, and may cancel entirely
 * (two columns).
 */
#define SUM_ERROR 4e-6

static int check_norm(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const struct bit_norm_args args = {
        .rows = rows,
        .cols = cols,
        .kind = (enum bit_norm_kind)dim[2],
        .eps = 1e-5f,
        .x = kc_in(k, "x", (enum bit_dtype)dim[3], rows * cols, 3),
        .x_dtype = (enum bit_dtype)dim[3],
        .y = kc_out(k, "y", (enum kc_type)dim[4], rows * cols, KC_NEAR(SUM_ERROR, SUM_ERROR)),
        .y_dtype = (enum bit_dtype)dim[4],
        .mean = dim[5] ? kc_out(k, "mean", KC_F32, rows, KC_NEAR(SUM_ERROR, 3 * SUM_ERROR)) : NULL,
        .rstd = dim[5] ? kc_out(k, "rstd", KC_F32, rows, KC_NEAR(SUM_ERROR, 0)) : NULL,
    };

    return kc_call(k, &args);
}

static void cost_norm(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)(dim[0] * dim[1]) *
                 (double)(bit_dtype_bytes((enum bit_dtype)dim[3]) + bit_dtype_bytes((enum bit_dtype)dim[4]));
    out->flops = 0;
}

static const struct kc_shape norm_shapes[] = {
    {KC_QUICK, {0, 256, BIT_NORM_LAYER, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {1, 1, BIT_NORM_LAYER, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {5, 17, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_QUICK, {7, 256, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_QUICK, {3, 2047, BIT_NORM_RMS, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {3, 2048, BIT_NORM_RMS, BIT_BF16, BIT_F32, 0}},
    {KC_QUICK, {2, 8192, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_QUICK, {66, 100, BIT_NORM_RMS, BIT_BF16, BIT_BF16, 1}},
    {KC_QUICK, {5, 512, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_QUICK, {5, 1024, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_QUICK, {3, 4096, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_QUICK, {3, 2052, BIT_NORM_RMS, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {2, 8200, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_FULL, {515, 1023, BIT_NORM_LAYER, BIT_F32, BIT_F32, 1}},
    {KC_FULL, {2047, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_F32, BIT_BF16, 1}},
    {KC_BENCH, {2048, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, 1}},
    {KC_BENCH, {2048, 2048, BIT_NORM_LAYER, BIT_F32, BIT_F32, 1}},
};
KC_OP(norm, "rows cols kind x:t y:t statistics", norm_shapes, check_norm, cost_norm, KC_DETERMINISTIC)

/* The operand that the backward pass recomputes. Its scales are as quantise's for rows with values of order one; they
 * clamp some of the values. */
static struct bit_operand operand_again(struct kc *k, const int64_t *dim)
{
    const enum bit_dtype dtype = (enum bit_dtype)dim[8];
    const float strength = dim[9] == 8 ? 1 : (float)dim[9] / 8;

    if (dim[8] < 0)
        return (struct bit_operand){0};
    return (struct bit_operand){
        .to = kc_out(k, "operand", (enum kc_type)dtype, dim[0] * dim[1], kc_operand_near(dtype, strength)),
        .dtype = dtype,
        .scale = dim[9] > 0 ? kc_in_whole(k, "scale", KC_F32, dim[0], 29, 67) : NULL,
        .strength = strength,
    };
}

static int check_norm_backward(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype x_dtype = (enum bit_dtype)dim[3];
    const int in_place = dim[6] == 2, over_x = dim[6] == 3;
    const struct kc_near near = {.rel = SUM_ERROR, .abs = SUM_ERROR};
    void *x = over_x ? kc_inout(k, "x", x_dtype, rows * cols, 3, near) : kc_in(k, "x", x_dtype, rows * cols, 3);
    const struct bit_norm_args forward = {
        .rows = rows,
        .cols = cols,
        .kind = (enum bit_norm_kind)dim[2],
        .eps = 1e-5f,
        .x = x,
        .x_dtype = x_dtype,
        .y = kc_room(k, "y", KC_F32, rows * cols),
        .y_dtype = BIT_F32,
        .mean = kc_room(k, "mean", KC_F32, rows),
        .rstd = kc_room(k, "rstd", KC_F32, rows),
    };

    if (forward.kind != BIT_NORM_NONE && bit_norm(kc_prepare_exec(k), &forward) < 0)
        return -1;
    void *dx = over_x                    ? x
               : in_place || dim[6] == 1 ? kc_inout(k, "dx", (enum bit_dtype)dim[5], rows * cols, 1, near)
                                         : kc_out(k, "dx", (enum kc_type)dim[5], rows * cols, near);
    const struct bit_norm_backward_args args = {
        .rows = rows,
        .cols = cols,
        .kind = forward.kind,
        .x = forward.x,
        .x_dtype = x_dtype,
        .mean = forward.kind == BIT_NORM_LAYER ? forward.mean : NULL,
        .rstd = forward.kind == BIT_NORM_NONE ? NULL : forward.rstd,
        .var_factor = 1.25f, /* a single norm has 1 */
        .dy = in_place ? dx : kc_in(k, "dy", (enum bit_dtype)dim[4], rows * cols, 1),
        .dy_dtype = (enum bit_dtype)dim[4],
        .dx = dx,
        .dx_dtype = (enum bit_dtype)dim[5],
        .accumulate = dim[6] == 1,
        .copy = dim[7] >= 0 ? kc_out(k, "copy", (enum kc_type)dim[7], rows * cols, near) : NULL,
        .copy_dtype = dim[7] >= 0 ? (enum bit_dtype)dim[7] : BIT_F32,
        .operand = operand_again(k, dim),
    };
    return kc_call(k, &args);
}

static void cost_norm_backward(const int64_t *dim, struct kc_cost *out)
{
    const size_t dx_passes = dim[6] == 1 ? 2 : 1;
    const size_t copy = dim[7] >= 0 ? bit_dtype_bytes((enum bit_dtype)dim[7]) : 0;
    const size_t operand = dim[8] >= 0 ? bit_dtype_bytes((enum bit_dtype)dim[8]) : 0;

    out->bytes = (double)(dim[0] * dim[1]) *
                 (double)(bit_dtype_bytes((enum bit_dtype)dim[3]) + bit_dtype_bytes((enum bit_dtype)dim[4]) +
                          bit_dtype_bytes((enum bit_dtype)dim[5]) * dx_passes + copy + operand);
    out->flops = 0;
}

/* accumulate: 0 overwrites dx, 1 adds to dx, 2 overwrites dy, 3 overwrites x. copy and operand: their dtypes, or -1.
 * eighths: the operand's strength, or 0 for the normed row itself. */
static const struct kc_shape backward_shapes[] = {
    {KC_QUICK, {1, 2, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 0, -1, -1, 0}},
    {KC_QUICK, {5, 17, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_QUICK, {7, 256, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_F32, 1, BIT_F32, -1, 0}},
    {KC_QUICK, {7, 256, BIT_NORM_RMS, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, -1, 0}},
    {KC_QUICK, {3, 2047, BIT_NORM_RMS, BIT_F32, BIT_F32, BIT_F32, 0, BIT_BF16, -1, 0}},
    {KC_QUICK, {3, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_F32, BIT_F32, 2, BIT_BF16, -1, 0}},
    {KC_QUICK, {2, 8192, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_BF16, 0, -1, -1, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 1, BIT_F32, -1, 0}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, -1, 0}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, -1, 0}},
    {KC_QUICK, {5, 17, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 1, -1, -1, 0}}, /* a residual stream of bf16 */
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 1, -1, -1, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 1, -1, BIT_BF16, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 3, -1, -1, 0}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 1, -1, -1, 0}},
    {KC_FULL, {515, 1023, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 1, -1, -1, 0}},
    {KC_FULL, {2047, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, -1, 0}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, -1, 0}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 1, -1, -1, 0}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, -1, 0}},
    {KC_BENCH, {2048, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_F32, 1, -1, -1, 0}},
    {KC_QUICK, {5, 17, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {5, 17, BIT_NORM_RMS, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
    {KC_QUICK, {5, 100, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 3}},
    {KC_QUICK, {5, 17, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 3, BIT_BF16, -1, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 3, BIT_BF16, -1, 0}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 3, BIT_F32, -1, 0}},
    {KC_QUICK, {3, 2047, BIT_NORM_NONE, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 8}},
    {KC_QUICK, {3, 2048, BIT_NORM_NONE, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 8}},
    {KC_QUICK, {3, 300, BIT_NORM_NONE, BIT_F32, BIT_F32, BIT_F32, 1, BIT_F32, BIT_F32, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 5}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_F32, BIT_F32, BIT_F32, 1, BIT_F32, BIT_F32, 8}},
    {KC_QUICK, {5, 2048, BIT_NORM_RMS, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 8}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 8}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_F32, 8}},
    {KC_FULL, {2047, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 0}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_BF16, BIT_BF16, BIT_BF16, 2, -1, BIT_BF16, 8}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_F32, BIT_BF16, BIT_F32, 1, BIT_BF16, BIT_BF16, 8}},
};
KC_OP(norm_backward, "rows cols kind x:t dy:t dx:t accumulate copy operand eighths", backward_shapes,
      check_norm_backward, cost_norm_backward, KC_DETERMINISTIC)
