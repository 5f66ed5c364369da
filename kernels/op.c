/* bit_NAME() for every operator of the table: the variant of exec->backend. */
#include "kernels/op.h"

#include "config.h"
#include "kernels/op_trace.h"
#include "proto/err.h"

#define FAST_0(name) bit_##name##_ref
#define FAST_1(name) bit_##name##_cpu

#if BIT_HAVE_CUDA
#define CUDA_1(name) bit_##name##_cuda
#else
#define CUDA_1(name) missing
#endif
#define CUDA_0(name) missing

/* A twin that this build lacks, or one operator. */
__attribute__((unused)) static int missing(const struct bit_exec *exec, const void *args)
{
    (void)args;
    return bit_fail(-ENOTSUP, "no variant for backend %d", (int)exec->backend);
}

#define DEFINE(name, has_cpu, has_cuda)                                                                                \
    BIT_OP_DECLARE(name);                                                                                              \
    static int run_##name(const struct bit_exec *exec, const struct bit_##name##_args *args)                           \
    {                                                                                                                  \
        if (exec->backend == BIT_BACKEND_REF)                                                                          \
            return bit_##name##_ref(exec, args);                                                                       \
        if (exec->backend == BIT_BACKEND_CUDA)                                                                         \
            return CUDA_##has_cuda(name)(exec, args);                                                                  \
        return FAST_##has_cpu(name)(exec, args);                                                                       \
    }                                                                                                                  \
    int bit_##name(const struct bit_exec *exec, const struct bit_##name##_args *args)                                  \
    {                                                                                                                  \
        bit_op_trace_begin(exec, #name);                                                                               \
        int err = run_##name(exec, args);                                                                              \
        bit_op_trace_end(exec);                                                                                        \
        return err < 0 ? bit_fail_within(err, #name) : err;                                                            \
    }
BIT_OP_TABLE(DEFINE)
