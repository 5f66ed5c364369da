/* AdamW, the reference. */
#include "kernels/adamw.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/stochastic_rounding.h"

static void store(void *moments, enum bit_dtype dtype, int64_t i, float x, uint32_t random)
{
    if (dtype == BIT_BF16)
        ((bit_bf16 *)moments)[i] = bit_round_stochastically(x, random);
    else
        ((float *)moments)[i] = x;
}

int bit_adamw_ref(const struct bit_exec *exec, const struct bit_adamw_args *args)
{
    int err = bit_adamw_check(args);

    if (err < 0)
        return err;
    const double grad_scale = args->grad_scale == NULL ? 1 : *args->grad_scale;
    if (!isfinite(grad_scale))
        return 0;
    const double step = args->lr / (1 - pow(args->beta1, (double)args->t));
    const double root = sqrt(1 - pow(args->beta2, (double)args->t));
    const struct bit_rounding_key key = bit_rounding_key_of(args->seed, args->t);

    for (int64_t i = 0; i < args->count; i++) {
        double g = args->g[i] * grad_scale, p = args->p[i] * (1 - args->lr * args->weight_decay);

        const float m = (float)(args->beta1 * bit_element(args->m, args->moments, i) + (1 - args->beta1) * g);
        const float v = (float)(args->beta2 * bit_element(args->v, args->moments, i) + (1 - args->beta2) * g * g);
        const uint32_t random = bit_rounding_bits(key, (uint64_t)(args->first + i));

        args->p[i] = (float)(p - step * m / (sqrt(v) / root + args->eps));
        store(args->m, args->moments, i, m, random);
        store(args->v, args->moments, i, v, random >> 16);
        if (args->copy != NULL)
            args->copy[i] = bit_f32_to_bf16(args->p[i]);
    }
    return 0;
}
