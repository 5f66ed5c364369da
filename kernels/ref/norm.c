/* LayerNorm and RMSNorm without parameters, the reference. */
#include "kernels/norm.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/ref/operand.h"

static double row_mean(const struct bit_norm_args *args, int64_t r)
{
    double sum = 0;

    if (args->kind == BIT_NORM_RMS)
        return 0;
    for (int64_t c = 0; c < args->cols; c++)
        sum += bit_element(args->x, args->x_dtype, r * args->cols + c);
    return sum / (double)args->cols;
}

static double row_rstd(const struct bit_norm_args *args, int64_t r, double mean)
{
    double sum = 0;

    for (int64_t c = 0; c < args->cols; c++) {
        double d = bit_element(args->x, args->x_dtype, r * args->cols + c) - mean;
        sum += d * d;
    }
    return 1 / sqrt(sum / (double)args->cols + args->eps);
}

int bit_norm_ref(const struct bit_exec *exec, const struct bit_norm_args *args)
{
    int err = bit_norm_check(args);

    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++) {
        double mean = row_mean(args, r), rstd = row_rstd(args, r, mean);

        for (int64_t i = r * args->cols; i < (r + 1) * args->cols; i++)
            bit_element_set(args->y, args->y_dtype, i, (bit_element(args->x, args->x_dtype, i) - mean) * rstd);
        if (args->mean != NULL)
            args->mean[r] = (float)mean;
        if (args->rstd != NULL)
            args->rstd[r] = (float)rstd;
    }
    return 0;
}

static void row_operand(const struct bit_norm_backward_args *args, int64_t r)
{
    const float mean = args->kind == BIT_NORM_LAYER ? args->mean[r] : 0;
    const float rstd = args->kind == BIT_NORM_NONE ? 1 : args->rstd[r];

    for (int64_t i = r * args->cols; i < (r + 1) * args->cols; i++)
        bit_operand_set(&args->operand, r, i, (bit_element(args->x, args->x_dtype, i) - mean) * rstd);
}

static void row_backward(const struct bit_norm_backward_args *args, int64_t r)
{
    const double mean = args->kind == BIT_NORM_LAYER ? args->mean[r] : 0;
    const double rstd = args->kind == BIT_NORM_NONE ? 1 : args->rstd[r];
    const int64_t begin = r * args->cols, end = begin + args->cols;
    double sum_dy = 0, sum_dy_xhat = 0;

    for (int64_t i = begin; i < end; i++) {
        double dy = bit_element(args->dy, args->dy_dtype, i);
        sum_dy += dy;
        sum_dy_xhat += dy * (bit_element(args->x, args->x_dtype, i) - mean) * rstd;
    }
    const double mean_dy = args->kind == BIT_NORM_LAYER ? sum_dy / (double)args->cols : 0;
    const double along_xhat = args->kind == BIT_NORM_NONE ? 0 : args->var_factor * sum_dy_xhat / (double)args->cols;

    for (int64_t i = begin; i < end; i++) {
        double xhat = (bit_element(args->x, args->x_dtype, i) - mean) * rstd;
        double dx = rstd * (bit_element(args->dy, args->dy_dtype, i) - mean_dy - xhat * along_xhat);
        if (args->accumulate)
            dx += bit_element(args->dx, args->dx_dtype, i);
        bit_element_set(args->dx, args->dx_dtype, i, dx);
        if (args->copy != NULL)
            bit_element_set(args->copy, args->copy_dtype, i, ((const float *)args->dx)[i]);
    }
}

int bit_norm_backward_ref(const struct bit_exec *exec, const struct bit_norm_backward_args *args)
{
    int err = bit_norm_backward_check(args);

    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++) {
        row_operand(args, r);
        row_backward(args, r);
    }
    return 0;
}
