/* Sums of squares: each block is summed by one thread. */
#include "kernels/clip.h"
#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

static double block_sum(const float *g, int64_t count)
{
    const int64_t whole = count - count % BIT_SUMSQ_LANES;
    double lane[BIT_SUMSQ_LANES] = {0}, sum = 0;

    for (int64_t i = 0; i < whole; i += BIT_SUMSQ_LANES)
        for (int k = 0; k < BIT_SUMSQ_LANES; k++)
            lane[k] += (double)g[i + k] * (double)g[i + k];
    for (int64_t i = whole; i < count; i++)
        lane[i - whole] += (double)g[i] * (double)g[i];
    for (int k = 0; k < BIT_SUMSQ_LANES; k++)
        sum += lane[k];
    return sum;
}

int BIT_ISA(sumsq)(const struct bit_exec *exec, const struct bit_sumsq_args *args)
{
    const int64_t blocks = (args->count + BIT_SUM_BLOCK - 1) / BIT_SUM_BLOCK;
    int err = bit_check_shape("sumsq", args->count, 1);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++)
        args->sums[b] = block_sum(args->g + b * BIT_SUM_BLOCK, BIT_MIN(args->count - b * BIT_SUM_BLOCK, BIT_SUM_BLOCK));
    return 0;
}
