/* Two bits a code and back, by plain loops. */
#include "kernels/pack_codes.h"

#include "proto/check.h"

int bit_pack_codes_ref(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
    for (int64_t at = 0; at < args->count; at += 4) {
        uint8_t now;

        bit_pack_codes_host(args->codes + at, BIT_MIN(4, args->count - at), &now);
        if (args->flips != NULL)
            *args->flips += (uint64_t)bit_pack_codes_differing(now, args->packed[at / 4]);
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
