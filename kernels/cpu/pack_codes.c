/* Codes to two bits each and back, in pieces of whole bytes. */
#include <string.h>

#include "kernels/args.h"
#include "kernels/pack_codes.h"
#include "proto/check.h"

#define PIECE 65536 /* codes in a thread's unit of work */

static uint64_t pack_piece(const struct bit_pack_codes_args *args, int64_t at)
{
    const int64_t count = BIT_MIN(PIECE, args->count - at), bytes = (count + 3) / 4;
    uint8_t now[PIECE / 4], *packed = args->packed + at / 4;
    uint64_t flips = 0;

    bit_pack_codes_host(args->codes + at, count, now);
    for (int64_t i = 0; args->flips != NULL && i < bytes; i++)
        flips += (uint64_t)bit_pack_codes_differing(now[i], packed[i]);
    memcpy(packed, now, (size_t)bytes);
    return flips;
}

int bit_pack_codes_cpu(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
    uint64_t flips = 0;

#pragma omp parallel for num_threads(exec->threads) schedule(static) reduction(+ : flips)
    for (int64_t at = 0; at < args->count; at += PIECE)
        flips += pack_piece(args, at);
    if (args->flips != NULL)
        *args->flips += flips;
    return 0;
}

int bit_unpack_codes_cpu(const struct bit_exec *exec, const struct bit_unpack_codes_args *args)
{
    uint64_t bad = 0;

#pragma omp parallel for num_threads(exec->threads) schedule(static) reduction(+ : bad)
    for (int64_t at = 0; at < args->count; at += PIECE) {
        uint64_t here = 0;
        struct bit_unpack_codes_args piece = *args;

        piece.count = BIT_MIN(PIECE, args->count - at);
        piece.packed += at / 4;
        piece.codes += at;
        piece.bad = &here;
        bit_unpack_codes_ref(exec, &piece);
        bad += here;
    }
    *args->bad += bad;
    return 0;
}
