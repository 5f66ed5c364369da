/*
 * The sum of squares and the clip factor, the reference. The order of additions is the contract's (clip.h), so every
 * variant gives the same bits. The factor takes only a few thousand numbers, so processors use this variant, too.
 */
#include "kernels/clip.h"

#include <math.h>

#include "kernels/args.h"
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

int bit_clip_ref(const struct bit_exec *exec, const struct bit_clip_args *args)
{
    double lane[BIT_CLIP_LANES] = {0}, sum = 0;
    int err = bit_check_shape("clip", args->blocks, 1);

    if (err < 0)
        return err;
    for (int64_t b = 0; b < args->blocks; b++)
        lane[b % BIT_CLIP_LANES] += args->sums[b];
    for (int i = 0; i < BIT_CLIP_LANES; i++)
        sum += lane[i];
    *args->norm = sqrt(sum);
    *args->scale = args->clip_norm > 0 ? fmin(1, args->clip_norm / (*args->norm + 1e-6)) : 1;
    if (!isfinite(*args->norm))
        *args->scale = NAN;
    return 0;
}
