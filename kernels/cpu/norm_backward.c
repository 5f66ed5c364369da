/* The norms' gradient: for each row two sums, then dx. */
#include "kernels/args.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/norm.h"

struct row {
    int64_t index, at;
    float mean, rstd;
    float mean_dy, along_xhat; /* mean(dy), or 0 for RMSNorm; var_factor mean(dy xhat) */
};

static void sum_row(const struct bit_norm_backward_args *args, struct row *row)
{
    const int64_t cols = args->cols;
    vf dy_sum = vf_set(0), dot = vf_set(0);

    for (int64_t c = 0; c < cols; c += BIT_LANES) {
        const vf dy = vf_load_upto(args->dy, args->dy_dtype, row->at + c, cols - c, 0);
        const vf x = vf_load_upto(args->x, args->x_dtype, row->at + c, cols - c, row->mean);
        dy_sum += dy;
        dot += dy * (x - row->mean);
    }
    row->mean_dy = args->kind == BIT_NORM_LAYER ? vf_sum(dy_sum) / (float)cols : 0;
    row->along_xhat = args->var_factor * (vf_sum(dot) * row->rstd / (float)cols);
}

static inline vf normed(const struct bit_norm_backward_args *args, const struct row *row, int64_t c)
{
    return (vf_load_upto(args->x, args->x_dtype, row->at + c, args->cols - c, 0) - row->mean) * row->rstd;
}

static void write_operand(const struct bit_norm_backward_args *args, const struct row *row)
{
    const struct bit_operand *operand = &args->operand;

    for (int64_t c = 0; c < args->cols; c += BIT_LANES)
        vf_store_upto(operand->to, operand->dtype, row->at + c, args->cols - c,
                      operand_of(operand, row->index, normed(args, row, c)));
}

static void write_row(const struct bit_norm_backward_args *args, const struct row *row)
{
    const int64_t cols = args->cols;

    for (int64_t c = 0; c < cols; c += BIT_LANES) {
        const vf dy = vf_load_upto(args->dy, args->dy_dtype, row->at + c, cols - c, 0);
        const vf xhat = normed(args, row, c);
        vf dx = (dy - row->mean_dy - xhat * row->along_xhat) * row->rstd;

        if (args->kind == BIT_NORM_NONE)
            dx = dy;
        if (args->accumulate)
            dx += vf_load_upto(args->dx, args->dx_dtype, row->at + c, cols - c, 0);
        vf_store_upto(args->dx, args->dx_dtype, row->at + c, cols - c, dx);
        if (args->copy != NULL)
            vf_store_upto(args->copy, args->copy_dtype, row->at + c, cols - c, dx);
    }
}

int BIT_ISA(norm_backward)(const struct bit_exec *exec, const struct bit_norm_backward_args *args)
{
    int err = bit_norm_backward_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++) {
        struct row row = {
            .index = r,
            .at = r * args->cols,
            .mean = args->kind == BIT_NORM_LAYER ? args->mean[r] : 0,
            .rstd = args->kind == BIT_NORM_NONE ? 1 : args->rstd[r],
        };
        if (args->kind != BIT_NORM_NONE)
            sum_row(args, &row);
        if (args->operand.to != NULL)
            write_operand(args, &row);
        write_row(args, &row);
    }
    return 0;
}
