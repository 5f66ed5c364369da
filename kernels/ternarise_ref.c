/* Measures and codes of a weight matrix by plain loops. */
#include "kernels/ternarise.h"

#include <math.h>
#include <string.h>

#include "kernels/args.h"

int bit_absmean_ref(const struct bit_exec *exec, const struct bit_absmean_args *args)
{
    double units = 0;

    for (int64_t i = 0; i < args->count; i++)
        units += rint(fabs((double)args->w[i]) / BIT_ABSMEAN_UNIT);
    *args->sum = units * BIT_ABSMEAN_UNIT;
    return 0;
}

int bit_histogram_check(const struct bit_histogram_args *args)
{
    if (args->count < 0 || args->count > UINT32_MAX)
        return bit_fail(-EINVAL, "histogram of %ld weights", (long)args->count);
    if (args->pass != 0 && args->pass != 1)
        return bit_fail(-EINVAL, "histogram's pass is 0 or 1, not %d", args->pass);
    return 0;
}

int bit_histogram_ref(const struct bit_exec *exec, const struct bit_histogram_args *args)
{
    int err = bit_histogram_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i++) {
        uint32_t bits;
        memcpy(&bits, &args->w[i], sizeof bits);
        bits &= 0x7fffffff;
        if (args->pass == 0)
            args->counts[bits > 0x7f800000 ? BIT_HISTOGRAM_BINS - 1 : bits >> 16]++;
        else if (bits >> 16 == args->upper)
            args->counts[bits & 0xffff]++;
    }
    return 0;
}

uint32_t bit_histogram_find(const uint64_t *counts, uint64_t rank, uint64_t *before)
{
    uint64_t passed = 0;
    uint32_t bin = 0;

    while (bin < BIT_HISTOGRAM_BINS - 1 && rank - passed >= counts[bin])
        passed += counts[bin++];
    *before = passed;
    return bin;
}

int bit_ternarise_check(const struct bit_ternarise_args *args)
{
    if (args->count < 0)
        return bit_fail(-EINVAL, "ternarise of %ld weights", (long)args->count);
    if (args->codes == NULL && args->out == NULL)
        return bit_fail(-EINVAL, "ternarise has nowhere to put its codes");
    if (args->out != NULL && args->out_dtype == BIT_I8)
        return bit_fail(-EINVAL, "blended weights are f32 or bf16");
    return 0;
}

int bit_ternarise_ref(const struct bit_exec *exec, const struct bit_ternarise_args *args)
{
    uint64_t zeros = 0, flips = 0;
    int err = bit_ternarise_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i++) {
        const float u = args->w[i] * args->scale;
        const float code = fmaxf(fminf(rintf(u), 1), -1);
        zeros += code == 0;
        flips += args->previous != NULL && args->previous[i] != (int8_t)code;
        if (args->codes != NULL)
            args->codes[i] = (int8_t)code;
        if (args->out != NULL)
            bit_element_set(args->out, args->out_dtype, i, u + args->strength * (code - u));
    }
    if (args->zeros != NULL)
        *args->zeros = zeros;
    if (args->flips != NULL)
        *args->flips = flips;
    return 0;
}
