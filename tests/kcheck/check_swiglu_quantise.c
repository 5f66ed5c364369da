/* SwiGLU with quantised output, and its gradient. */
#include "kernels/norm.h"
#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"
#include "tests/kcheck/kcheck.h"

/*
 * y is of order ten. In bf16, a y near the middle of two bf16 values may be rounded to either: an error of 2^-8 of
 * itself. A code then differs by at most one (127 times that error, once of y and once of the maximum), the statistics
 * by as much as y. In f32 y is accurate to a few 2^-24, so the errors of check_norm.c's sums remain.
 */
static double y_error(int64_t dtype)
{
    return dtype == BIT_BF16 ? 0x1p-8 : 4e-6;
}

static int check_swiglu_quantise(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype dtype = (enum bit_dtype)dim[4];
    const struct kc_near statistic = KC_NEAR(2 * y_error(dim[4]), 10 * y_error(dim[4]));
    const int normed = dim[2] != BIT_NORM_NONE;
    const enum bit_dtype q = (enum bit_dtype)dim[5];
    /* a blend is u plus strength times (code - u); the code differs by at most one, and u has the errors of n and
     * scale */
    const struct kc_near near = q == BIT_I8 ? KC_NEAR(0, 1) : KC_NEAR(8 * y_error(dim[4]), (double)dim[6] / 8 + 0.1);
    /* a code's step is 1 / scale: a fraction of the row's largest value, which is of order ten, or one after the
     * norm */
    const struct kc_near operand = KC_NEAR(2 * y_error(dim[4]), 10 * y_error(dim[4]) + (normed ? 1.0 / 8 : 2));
    const struct bit_swiglu_quantise_args args = {
        .rows = rows,
        .cols = cols,
        .kind = (enum bit_norm_kind)dim[2],
        .norm_eps = 1e-5f,
        .measure = (enum bit_measure)dim[3],
        .levels = dim[3] == BIT_MEASURE_ABSMAX ? 128 : 30,
        .eps = 1e-5f,
        .strength = (float)dim[6] / 8,
        .ug = kc_in(k, "ug", dtype, rows * 2 * cols, 3),
        .dtype = dtype,
        .q = kc_out(k, "q", (enum kc_type)q, rows * cols, near),
        .q_dtype = q,
        .scale = kc_out(k, "scale", KC_F32, rows, KC_NEAR(4 * y_error(dim[4]), 0)),
        .mean = normed ? kc_out(k, "mean", KC_F32, rows, statistic) : NULL,
        .rstd = normed ? kc_out(k, "rstd", KC_F32, rows, statistic) : NULL,
        .operand = dim[7] ? kc_out(k, "operand", (enum kc_type)dtype, rows * cols, operand) : NULL,
    };

    kc_workspace(k, bit_swiglu_quantise_workspace(kc_backend(k), cols, dtype));
    return kc_call(k, &args);
}

static void cost_swiglu_quantise(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)(dim[0] * dim[1]) * (double)((dim[7] ? 3 : 2) * bit_dtype_bytes((enum bit_dtype)dim[4]) +
                                                      bit_dtype_bytes((enum bit_dtype)dim[5]));
    out->flops = 0;
}

static const struct kc_shape forward_shapes[] = {
    {KC_QUICK, {0, 8, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_QUICK, {3, 1, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 8, 0}},
    {KC_QUICK, {67, 17, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 8, 0}},
    {KC_QUICK, {130, 100, BIT_NORM_LAYER, BIT_MEASURE_MEAN, BIT_F32, BIT_I8, 8, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_QUICK, {5, 1024, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 8, 0}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_FULL, {300, 8192, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 8, 0}},
    {KC_BENCH, {8192, 1024, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 0}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 8, 0}},
    {KC_QUICK, {67, 17, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_BF16, 4, 0}},
    {KC_QUICK, {5, 100, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_BF16, 4, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_MEASURE_MEAN, BIT_F32, BIT_F32, 2, 0}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_BF16, 6, 0}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_BF16, 6, 0}},
    {KC_QUICK, {67, 17, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 8, 1}},
    {KC_QUICK, {130, 100, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 8, 1}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_MEASURE_MEAN, BIT_F32, BIT_F32, 2, 1}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 1}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_BF16, 6, 1}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 1}},
    {KC_BENCH, {8192, 1024, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 1}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 8, 1}},
};
KC_OP(swiglu_quantise, "rows cols kind measure dtype:t q:t eighths operand", forward_shapes, check_swiglu_quantise,
      cost_swiglu_quantise, KC_DETERMINISTIC)

/* Computes what the forward pass saves: mean and rstd of y's rows. */
static int prepare(struct kc *k, const int64_t *dim, const void *ug, float *mean, float *rstd)
{
    const enum bit_dtype dtype = (enum bit_dtype)dim[3];
    void *y = kc_room(k, "y", (enum kc_type)dtype, dim[0] * dim[1]);
    void *n = kc_room(k, "n", (enum kc_type)dtype, dim[0] * dim[1]);
    const struct bit_swiglu_args gate = {dim[0], dim[1], ug, y, dtype};
    const struct bit_norm_args norm = {dim[0], dim[1], (enum bit_norm_kind)dim[2], 1e-5f, y, dtype, n, dtype,
                                       mean,   rstd};

    if (dim[2] == BIT_NORM_NONE)
        return 0;
    return bit_swiglu(kc_prepare_exec(k), &gate) < 0 || bit_norm(kc_prepare_exec(k), &norm) < 0 ? -1 : 0;
}

/*
 * The operand that the backward pass recomputes: both sides get the same statistics, but each computes y. u differs by
 * y's error times scale, which may change the code, and so the operand by a step of 1 / scale.
 */
static struct bit_operand operand_again(struct kc *k, const int64_t *dim)
{
    const enum bit_dtype dtype = (enum bit_dtype)dim[3];
    const double error = y_error(dim[3]);

    if (!dim[5])
        return (struct bit_operand){0};
    return (struct bit_operand){
        .to = kc_out(k, "operand", (enum kc_type)dtype, dim[0] * dim[1],
                     KC_NEAR(2 * error, 10 * error + (dim[6] ? 1.0 / 29 : 0))),
        .dtype = dtype,
        .scale = dim[6] ? kc_in_whole(k, "scale", KC_F32, dim[0], 29, 67) : NULL,
        .strength = (float)dim[6] / 8,
    };
}

static int check_swiglu_norm_backward(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype dtype = (enum bit_dtype)dim[3];

    /* dy = rstd (dn - mean(dn) - xhat mean(dn xhat)) has y's error in xhat, where a row's mean is small, and one
     * rounding of its own; it is multiplied by up and silu, which are of order ten. */
    const struct kc_near near = dtype == BIT_BF16 ? KC_NEAR(0x1p-7, 4e-3) : KC_NEAR(8e-6, 5e-5);
    const int normed = dim[2] != BIT_NORM_NONE;
    void *ug = dim[4] ? kc_inout(k, "ug", dtype, rows * 2 * cols, 3, near) : kc_in(k, "ug", dtype, rows * 2 * cols, 3);
    float *mean = kc_room(k, "mean", KC_F32, rows), *rstd = kc_room(k, "rstd", KC_F32, rows);

    if (prepare(k, dim, ug, mean, rstd) < 0)
        return -1;
    const struct bit_swiglu_norm_backward_args args = {
        .rows = rows,
        .cols = cols,
        .kind = (enum bit_norm_kind)dim[2],
        .ug = ug,
        .mean = normed ? mean : NULL,
        .rstd = normed ? rstd : NULL,
        .dn = kc_in(k, "dn", dtype, rows * cols, 1),
        .dug = dim[4] ? ug : kc_out(k, "dug", (enum kc_type)dtype, rows * 2 * cols, near),
        .dtype = dtype,
        .operand = operand_again(k, dim),
    };
    kc_workspace(k, bit_swiglu_quantise_workspace(kc_backend(k), cols, dtype));
    return kc_call(k, &args);
}

static void cost_swiglu_norm_backward(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (dim[5] ? 6.0 : 5.0) * (double)(dim[0] * dim[1]) * (double)bit_dtype_bytes((enum bit_dtype)dim[3]);
    out->flops = 0;
}

static const struct kc_shape backward_shapes[] = {
    {KC_QUICK, {0, 8, BIT_NORM_LAYER, BIT_F32, 0, 0, 0}},
    {KC_QUICK, {67, 17, BIT_NORM_LAYER, BIT_F32, 1, 0, 0}},
    {KC_QUICK, {130, 100, BIT_NORM_RMS, BIT_F32, 0, 0, 0}},
    {KC_QUICK, {5, 683, BIT_NORM_NONE, BIT_BF16, 1, 0, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_QUICK, {5, 1024, BIT_NORM_LAYER, BIT_BF16, 0, 0, 0}},
    {KC_QUICK, {5, 2048, BIT_NORM_RMS, BIT_F32, 1, 0, 0}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_FULL, {300, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_BENCH, {8192, 1024, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 0, 0}},
    {KC_QUICK, {67, 17, BIT_NORM_LAYER, BIT_F32, 1, 1, 8}},
    {KC_QUICK, {5, 683, BIT_NORM_NONE, BIT_BF16, 1, 1, 8}},
    {KC_QUICK, {5, 2048, BIT_NORM_NONE, BIT_F32, 1, 1, 0}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_BF16, 0, 1, 0}},
    {KC_QUICK, {5, 1024, BIT_NORM_LAYER, BIT_BF16, 1, 1, 3}},
    {KC_QUICK, {3, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 1, 8}},
    {KC_QUICK, {3, 8192, BIT_NORM_NONE, BIT_BF16, 1, 1, 8}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_BF16, 1, 1, 8}},
    {KC_FULL, {300, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 1, 8}},
    {KC_BENCH, {8192, 1024, BIT_NORM_LAYER, BIT_BF16, 1, 1, 8}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_BF16, 1, 1, 8}},
};
KC_OP(swiglu_norm_backward, "rows cols kind dtype:t in_place operand eighths", backward_shapes,
      check_swiglu_norm_backward, cost_swiglu_norm_backward, KC_DETERMINISTIC)
