/* Codes of weights, by plain loops. */
#include "kernels/ternarise.h"

#include <math.h>

#include "kernels/args.h"
#include "proto/check.h"

int bit_ternarise_ref(const struct bit_exec *exec, const struct bit_ternarise_args *args)
{
    uint64_t zeros = 0;
    int err = bit_ternarise_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i++) {
        const float u = args->w[i] * *args->scale;
        const float code = fmaxf(fminf(rintf(u), 1), -1);
        zeros += code == 0;
        if (args->codes != NULL)
            args->codes[i] = (int8_t)code;
        if (args->out != NULL)
            bit_element_set(args->out, args->out_dtype, i,
                            args->strength == 1 ? code : u + args->strength * (code - u));
    }
    if (args->zeros != NULL)
        *args->zeros += zeros;
    return 0;
}
