/* Conversion between f32 and bf16. */
#include "kernels/cast.h"

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

#define CHUNK 32768 /* elements in a thread's unit of work */

static void convert(const struct bit_cast_args *args, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i += BIT_LANES) {
        vf y = vf_load_upto(args->x, args->x_dtype, i, end - i, 0) * args->scale;
        if (args->accumulate)
            y += vf_load_upto(args->y, args->y_dtype, i, end - i, 0);
        vf_store_upto(args->y, args->y_dtype, i, end - i, y);
    }
}

int BIT_ISA(cast)(const struct bit_exec *exec, const struct bit_cast_args *args)
{
    int err = bit_cast_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t i = 0; i < args->count; i += CHUNK)
        convert(args, i, BIT_MIN(i + CHUNK, args->count));
    return 0;
}
