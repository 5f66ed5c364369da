/* Codes of a weight matrix, divided among threads in pieces. */
#include "kernels/ternarise.h"

#include "kernels/args.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

#define PIECE 16384 /* weights in a thread's unit of work: a whole number of vectors */

/* Weights i..i+BIT_LANES, of which `left` exist. The other lanes have code 1, so that they do not count as zeros. */
static inline void code_weights(const struct bit_ternarise_args *args, int64_t i, int64_t left, uint64_t *zeros)
{
    const vf u = vf_load_upto(args->w, BIT_F32, i, left, 1 / *args->scale) * *args->scale;
    const vf code = code_of(u, -1, 1);

    *zeros += (uint64_t)__builtin_popcount(vi_bits((vi)(code == 0)));
    if (args->codes != NULL)
        store_codes(args->codes + i, left, code);
    if (args->out != NULL)
        vf_store_upto(args->out, args->out_dtype, i, left,
                      args->strength == 1 ? code : u + args->strength * (code - u));
}

int BIT_ISA(ternarise)(const struct bit_exec *exec, const struct bit_ternarise_args *args)
{
    uint64_t zeros = 0;
    int err = bit_ternarise_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static) reduction(+ : zeros)
    for (int64_t from = 0; from < args->count; from += PIECE) {
        const int64_t to = BIT_MIN(args->count, from + PIECE);
        uint64_t here = 0;
        for (int64_t i = from; i < to; i += BIT_LANES)
            code_weights(args, i, to - i, &here);
        zeros += here;
    }
    if (args->zeros != NULL)
        *args->zeros += zeros;
    return 0;
}
