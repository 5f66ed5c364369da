/* AdamW, the reference. */
#include "kernels/adamw.h"

#include <math.h>

#include "kernels/args.h"

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

    for (int64_t i = 0; i < args->count; i++) {
        double g = args->g[i] * grad_scale, p = args->p[i] * (1 - args->lr * args->weight_decay);

        args->m[i] = (float)(args->beta1 * args->m[i] + (1 - args->beta1) * g);
        args->v[i] = (float)(args->beta2 * args->v[i] + (1 - args->beta2) * g * g);
        args->p[i] = (float)(p - step * args->m[i] / (sqrt(args->v[i]) / root + args->eps));
        if (args->copy != NULL)
            args->copy[i] = bit_f32_to_bf16(args->p[i]);
    }
    return 0;
}
