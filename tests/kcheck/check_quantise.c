/* Activations to codes. */
#include "kernels/quantise.h"
#include "tests/kcheck/kcheck.h"

#define STATISTIC_ERROR 0x1p-20 /* the contract's bound for mean, rstd and scale */

/*
 * Codes are exact if no sum of floats precedes them. Otherwise u has a relative error of about 2^-19, and a code may
 * differ by one where u is that near to a half (tests/unit/kernels/test_quantise.c checks that it is). A blend has u's
 * error.
 */
static struct kc_near code_near(const int64_t *dim)
{
    const int exact = dim[2] == BIT_NORM_NONE && dim[3] != BIT_MEASURE_MEAN;

    if (dim[6] == 1)
        return exact ? KC_EXACT : KC_NEAR(0, 1);
    /* strength (code - u) may be fused with what follows; a code that differs moves the blend by strength / 8 */
    return exact ? KC_NEAR(1e-6, 1e-5) : KC_NEAR(8e-6, (double)dim[6] / 8 + 1e-4);
}

/* The operand is exact if the codes are; where a code may differ by one, the operand may differ by a code's step. */
static struct kc_near operand_near(const int64_t *dim)
{
    const enum bit_dtype dtype = (enum bit_dtype)dim[7];
    const bool exact = dim[2] == BIT_NORM_NONE && dim[3] != BIT_MEASURE_MEAN;

    if (exact)
        return kc_operand_near(dtype, dim[6] == 1 ? 1 : (float)dim[6] / 8);
    return KC_NEAR(dtype == BIT_BF16 ? 0x1p-8 : 8e-6, 1.0 / 8);
}

static int check_quantise(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype x = (enum bit_dtype)dim[4], q = (enum bit_dtype)dim[5];
    const int normed = dim[2] != BIT_NORM_NONE;
    const struct kc_near statistic = KC_NEAR(STATISTIC_ERROR, 3 * STATISTIC_ERROR);
    const struct bit_quantise_args args = {
        .rows = rows,
        .cols = cols,
        .kind = (enum bit_norm_kind)dim[2],
        .var_factor = 1.25f, /* a single norm has 1 */
        .norm_eps = 1e-5f,
        .measure = (enum bit_measure)dim[3],
        .levels = dim[3] == BIT_MEASURE_ABSMAX ? 128 : 30,
        .eps = 1e-5f,
        .strength = dim[6] == 1 ? 1 : (float)dim[6] / 8,
        .x = kc_in(k, "x", x, rows * cols, 3),
        .x_dtype = x,
        .q = kc_out(k, "q", (enum kc_type)q, rows * cols, code_near(dim)),
        .q_dtype = q,
        .scale = kc_out(k, "scale", KC_F32, rows,
                        normed || dim[3] == BIT_MEASURE_MEAN ? KC_NEAR(STATISTIC_ERROR, 0) : KC_EXACT),
        .mean = normed ? kc_out(k, "mean", KC_F32, rows, statistic) : NULL,
        .rstd = normed ? kc_out(k, "rstd", KC_F32, rows, statistic) : NULL,
        .operand = dim[7] >= 0 ? kc_out(k, "operand", (enum kc_type)dim[7], rows * cols, operand_near(dim)) : NULL,
        .operand_dtype = dim[7] >= 0 ? (enum bit_dtype)dim[7] : BIT_F32,
    };

    return kc_call(k, &args);
}

static void cost_quantise(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)(dim[0] * dim[1]) *
                 (double)(bit_dtype_bytes((enum bit_dtype)dim[4]) + bit_dtype_bytes((enum bit_dtype)dim[5]) +
                          (dim[7] >= 0 ? bit_dtype_bytes((enum bit_dtype)dim[7]) : 0));
    out->flops = 0;
}

/* eighths: the strength in eighths, or 1 for full strength. operand: its dtype, or -1. */
static const struct kc_shape shapes[] = {
    {KC_QUICK, {0, 8, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {3, 1, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 17, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 256, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 17, BIT_NORM_NONE, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 256, BIT_NORM_NONE, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_NONE, BIT_MEASURE_MEAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_F32, 4, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_BF16, 4, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 256, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_RMS, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 8192, BIT_NORM_RMS, BIT_MEASURE_MEAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 100, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_F32, 2, -1}},
    {KC_QUICK, {9, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 2048, BIT_NORM_NONE, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {5, 8192, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {5, 8192, BIT_NORM_NONE, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_BF16, 4, -1}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_MEASURE_MEAN, BIT_BF16, BIT_BF16, 4, -1}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, -1}},
    {KC_QUICK, {9, 17, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, BIT_BF16}},
    {KC_QUICK, {9, 256, BIT_NORM_NONE, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, BIT_BF16}},
    {KC_QUICK, {9, 100, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_F32, BIT_F32, 4, BIT_F32}},
    {KC_QUICK, {9, 100, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, BIT_F32}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, BIT_BF16}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 1, BIT_F32}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, BIT_BF16}},
    {KC_QUICK, {5, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_BF16, 4, BIT_BF16}},
    {KC_QUICK, {5, 512, BIT_NORM_RMS, BIT_MEASURE_MEAN, BIT_BF16, BIT_BF16, 4, BIT_BF16}},
    {KC_QUICK, {3, 8200, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, BIT_BF16}},
    {KC_FULL, {300, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_FULL, {2047, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_F32, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 8192, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, -1}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, BIT_BF16}},
    {KC_LARGE, {16384, 2048, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, BIT_BF16}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, -1}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_F32, BIT_I8, 1, BIT_BF16}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_BENCH, {8192, 1024, BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_BENCH, {8192, 1024, BIT_NORM_NONE, BIT_MEASURE_ABSMAX, BIT_BF16, BIT_I8, 1, -1}},
    {KC_BENCH, {8192, 256, BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, BIT_BF16, BIT_I8, 1, -1}},
};
KC_OP(quantise, "rows cols kind measure x:t q:t eighths operand", shapes, check_quantise, cost_quantise,
      KC_DETERMINISTIC)
