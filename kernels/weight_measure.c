/* Checks of the histogram's arguments, and the search in its counts. */
#include "kernels/weight_measure.h"

#include "kernels/args.h"

int bit_histogram_check(const struct bit_histogram_args *args)
{
    if (args->count < 0 || args->count > UINT32_MAX)
        return bit_fail(-EINVAL, "histogram of %ld weights", (long)args->count);
    if (args->pass != 0 && args->pass != 1)
        return bit_fail(-EINVAL, "histogram's pass is 0 or 1, not %d", args->pass);
    return 0;
}

uint32_t bit_histogram_find(const uint32_t *counts, uint64_t order, uint64_t *before)
{
    uint64_t passed = 0;
    uint32_t bin = 0;

    while (bin < BIT_HISTOGRAM_BINS - 1 && order - passed >= counts[bin])
        passed += counts[bin++];
    *before = passed;
    return bin;
}
