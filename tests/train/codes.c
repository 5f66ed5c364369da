#include "tests/train/codes.h"

#include <errno.h>

#include "kernels/swiglu_quantise.h"
#include "proto/err.h"

int __real_bit_quantise(const struct bit_exec *exec, const struct bit_quantise_args *args);
int __wrap_bit_quantise(const struct bit_exec *exec, const struct bit_quantise_args *args);
int __real_bit_swiglu_quantise(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args);
int __wrap_bit_swiglu_quantise(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args);

FILE *codes_to;

static int record(int err, const void *q, enum bit_dtype dtype, int64_t count)
{
    if (err < 0 || codes_to == NULL || dtype != BIT_I8)
        return err;
    return fwrite(q, 1, (size_t)count, codes_to) == (size_t)count ? err : bit_fail(-EIO, "write the codes");
}

int __wrap_bit_quantise(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    return record(__real_bit_quantise(exec, args), args->q, args->q_dtype, args->rows * args->cols);
}

int __wrap_bit_swiglu_quantise(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    return record(__real_bit_swiglu_quantise(exec, args), args->q, args->q_dtype, args->rows * args->cols);
}
