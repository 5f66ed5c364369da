/* Sum of squares, the reference. The order of additions is the contract's (clip.h), so every variant gives its bits.
 */
#include "kernels/args.h"
#include "kernels/clip.h"
#include "proto/check.h"

static double block_sum(const float *g, int64_t count)
{
    double lane[BIT_SUMSQ_LANES] = {0}, sum = 0;

    for (int64_t i = 0; i < count; i++)
        lane[i % BIT_SUMSQ_LANES] += (double)g[i] * g[i];
    for (int i = 0; i < BIT_SUMSQ_LANES; i++)
        sum += lane[i];
    return sum;
}

int bit_sumsq_ref(const struct bit_exec *exec, const struct bit_sumsq_args *args)
{
    int err = bit_check_shape("sumsq", args->count, 1);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i += BIT_SUM_BLOCK)
        args->sums[i / BIT_SUM_BLOCK] = block_sum(args->g + i, BIT_MIN(args->count - i, BIT_SUM_BLOCK));
    return 0;
}
