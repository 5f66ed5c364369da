/* The clip factor: a few thousand numbers, so that this is the processor's variant too. */
#include "kernels/clip.h"

#include <math.h>

#include "kernels/args.h"

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
