/* The sum of a buffer, the reference. */
#include "kernels/sum.h"

#include "kernels/args.h"
#include "proto/check.h"

static double block_sum(const float *x, int64_t count)
{
    double lane[BIT_SUM_LANES] = {0};

    for (int64_t i = 0; i < count; i++)
        lane[i % BIT_SUM_LANES] += (double)x[i];
    for (int n = BIT_SUM_LANES / 2; n > 0; n /= 2)
        for (int k = 0; k < n; k++)
            lane[k] += lane[k + n];
    return lane[0];
}

int bit_sum_ref(const struct bit_exec *exec, const struct bit_sum_args *args)
{
    int err = bit_sum_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i += BIT_SUM_BLOCK)
        *args->sum += block_sum(args->x + i, BIT_MIN(args->count - i, BIT_SUM_BLOCK));
    return 0;
}
