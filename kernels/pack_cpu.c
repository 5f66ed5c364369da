/* Two bits a code and back, in pieces that end with a whole byte. */
#include "kernels/args.h"
#include "kernels/element.h"
#include "kernels/ternarise.h"
#include "proto/check.h"

#define PIECE 65536 /* codes of a thread at a time */

int bit_pack_codes_cpu(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t at = 0; at < args->count; at += PIECE)
        bit_ternary_pack(args->codes + at, BIT_MIN(PIECE, args->count - at), args->packed + at / 4);
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
        if (args->out != NULL)
            piece.out = (uint8_t *)args->out + at * (int64_t)bit_dtype_bytes(args->out_dtype);
        bit_unpack_codes_ref(exec, &piece);
        bad += here;
    }
    *args->bad += bad;
    return 0;
}
