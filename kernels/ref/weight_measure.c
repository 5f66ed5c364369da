/* Measures of a weight matrix by plain loops. */
#include "kernels/weight_measure.h"

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
        else if (bits >> 16 == *args->upper)
            args->counts[bits & 0xffff]++;
    }
    return 0;
}

int bit_histogram_search_ref(const struct bit_exec *exec, const struct bit_histogram_search_args *args)
{
    for (int64_t i = 0; i < args->count; i++) {
        uint64_t before;
        const uint32_t bin = bit_histogram_find(args->counts + i * BIT_HISTOGRAM_BINS, args->order[i], &before);

        args->bits[i] = args->bits[i] << 16 | bin;
        args->order[i] -= before;
    }
    return 0;
}

static float mean_of(const struct bit_weight_scale_args *args, int64_t i)
{
    double sum = 0;

    for (int r = 0; r < args->ranks; r++)
        sum += args->sums[r * args->count + i];
    return (float)(sum / (double)args->elements[i]);
}

int bit_weight_scale_ref(const struct bit_exec *exec, const struct bit_weight_scale_args *args)
{
    for (int64_t i = 0; i < args->count; i++) {
        float measure;

        if (args->sums != NULL)
            measure = mean_of(args, i);
        else
            memcpy(&measure, &args->bits[i], sizeof measure);
        args->scale[i] = 1.0f / fmaxf(args->eps, measure);
    }
    return 0;
}
