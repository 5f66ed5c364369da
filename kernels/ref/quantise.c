/* Activations to int8 codes by plain loops. The order of the float operations is the contract's: quantise.h. */
#include "kernels/quantise.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/args.h"
#include "kernels/ref/operand.h"

static void norm_row(const struct bit_quantise_args *args, int64_t row, float *n)
{
    const int64_t at = row * args->cols;
    double sum = 0, square = 0;
    float mean = 0, rstd;

    for (int64_t c = 0; c < args->cols; c++)
        sum += n[c] = bit_element(args->x, args->x_dtype, at + c);
    if (args->kind == BIT_NORM_NONE)
        return;
    if (args->kind == BIT_NORM_LAYER)
        mean = (float)(sum / (double)args->cols);
    for (int64_t c = 0; c < args->cols; c++)
        square += ((double)n[c] - mean) * ((double)n[c] - mean);
    rstd = (float)(1 / sqrt(args->var_factor * (square / (double)args->cols) + args->norm_eps));
    for (int64_t c = 0; c < args->cols; c++)
        n[c] = (n[c] - mean) * rstd;
    args->mean[row] = mean;
    args->rstd[row] = rstd;
}

static int by_magnitude(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* magnitude: scratch for `cols` floats. */
static float measure_row(enum bit_measure measure, const float *n, int64_t cols, float *magnitude)
{
    double sum = 0;
    float max = 0;

    for (int64_t c = 0; c < cols; c++) {
        magnitude[c] = fabsf(n[c]);
        max = fmaxf(max, magnitude[c]);
        sum += magnitude[c];
    }
    if (measure == BIT_MEASURE_ABSMAX)
        return max;
    if (measure == BIT_MEASURE_MEAN)
        return (float)(sum / (double)cols);
    qsort(magnitude, (size_t)cols, sizeof *magnitude, by_magnitude);
    return magnitude[(cols - 1) / 2];
}

static void code_row(const struct bit_quantise_args *args, int64_t row, const float *n, float scale)
{
    const struct bit_operand operand = {args->operand, args->operand_dtype, args->scale, args->strength};

    for (int64_t c = 0; c < args->cols; c++) {
        const float u = n[c] * scale;
        const float code = fmaxf(fminf(rintf(u), 127), -128);
        const int64_t at = row * args->cols + c;
        if (args->q_dtype == BIT_I8)
            ((int8_t *)args->q)[at] = (int8_t)code;
        else
            bit_element_set(args->q, args->q_dtype, at, u + args->strength * (code - u));
        bit_operand_set(&operand, row, at, n[c]);
    }
}

int bit_quantise_ref(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    int err = bit_quantise_check(args);
    float *n = NULL;

    if (err < 0)
        return err;
    n = malloc(2 * (size_t)args->cols * sizeof *n);
    if (n == NULL)
        return bit_fail(-ENOMEM, "a row of %ld activations", (long)args->cols);
    for (int64_t r = 0; r < args->rows; r++) {
        norm_row(args, r, n);
        const float m = measure_row(args->measure, n, args->cols, n + args->cols);
        args->scale[r] = args->levels / fmaxf(args->eps, m);
        code_row(args, r, n, args->scale[r]);
    }
    free(n);
    return 0;
}
