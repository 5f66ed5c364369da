/* Codes by plain loops. */
#include "kernels/ternarise.h"

#include <math.h>

#include "kernels/args.h"
#include "proto/check.h"

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

int bit_pack_codes_ref(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
    for (int64_t at = 0; at < args->count; at += 4) {
        uint8_t now;

        bit_ternary_pack(args->codes + at, BIT_MIN(4, args->count - at), &now);
        if (args->flips != NULL)
            *args->flips += (uint64_t)bit_ternary_differing(now, args->packed[at / 4]);
        args->packed[at / 4] = now;
    }
    return 0;
}

int bit_unpack_codes_ref(const struct bit_exec *exec, const struct bit_unpack_codes_args *args)
{
    for (int64_t i = 0; i < args->count; i++)
        args->codes[i] = (int8_t)((args->packed[i / 4] >> 2 * (i % 4) & 3) - 1);
    for (int64_t i = 0; i < (args->count + 3) / 4; i++)
        *args->bad += (args->packed[i] & args->packed[i] >> 1 & 0x55) != 0;
    return 0;
}
