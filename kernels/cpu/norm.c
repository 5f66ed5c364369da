/* LayerNorm and RMSNorm without parameters: three passes over each row, which stays in cache. */
#include "kernels/norm.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"

static float row_mean(const struct bit_norm_args *args, int64_t r)
{
    const int64_t cols = args->cols, whole = cols - cols % (2 * BIT_LANES), at = r * cols;
    vf a = vf_set(0), b = vf_set(0);

    for (int64_t c = 0; c < whole; c += 2 * BIT_LANES) {
        a += vf_load_as(args->x, args->x_dtype, at + c);
        b += vf_load_as(args->x, args->x_dtype, at + c + BIT_LANES);
    }
    for (int64_t c = whole; c < cols; c += BIT_LANES)
        a += vf_load_upto(args->x, args->x_dtype, at + c, cols - c, 0);
    return vf_sum(a + b) / (float)cols;
}

static float row_rstd(const struct bit_norm_args *args, int64_t r, float mean)
{
    const int64_t cols = args->cols, whole = cols - cols % (2 * BIT_LANES), at = r * cols;
    vf a = vf_set(0), b = vf_set(0);

    for (int64_t c = 0; c < whole; c += 2 * BIT_LANES) {
        const vf x = vf_load_as(args->x, args->x_dtype, at + c) - mean;
        const vf y = vf_load_as(args->x, args->x_dtype, at + c + BIT_LANES) - mean;
        a += x * x;
        b += y * y;
    }
    for (int64_t c = whole; c < cols; c += BIT_LANES) {
        const vf x = vf_load_upto(args->x, args->x_dtype, at + c, cols - c, mean) - mean;
        a += x * x;
    }
    return 1 / sqrtf(vf_sum(a + b) / (float)cols + args->eps);
}

static void norm_row(const struct bit_norm_args *args, int64_t r)
{
    const int64_t cols = args->cols, at = r * cols;
    const float mean = args->kind == BIT_NORM_LAYER ? row_mean(args, r) : 0, rstd = row_rstd(args, r, mean);

    for (int64_t c = 0; c < cols; c += BIT_LANES) {
        const vf x = vf_load_upto(args->x, args->x_dtype, at + c, cols - c, 0);
        vf_store_upto(args->y, args->y_dtype, at + c, cols - c, (x - mean) * rstd);
    }
    if (args->mean != NULL)
        args->mean[r] = mean;
    if (args->rstd != NULL)
        args->rstd[r] = rstd;
}

int BIT_ISA(norm)(const struct bit_exec *exec, const struct bit_norm_args *args)
{
    int err = bit_norm_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++)
        norm_row(args, r);
    return 0;
}
