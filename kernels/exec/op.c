/* bit_NAME() for every operator of the table: the variant of exec->backend. */
#include "kernels/exec/op.h"

#include "kernels/exec/backend.h"
#include "kernels/exec/op_trace.h"
#include "proto/err.h"

#define DEFINE(name, has_cpu, has_cuda)                                                                                \
    static int run_##name(const struct bit_exec *exec, const struct bit_##name##_args *args)                           \
    {                                                                                                                  \
        const struct bit_backend_ops *ops = bit_backend_find(exec->backend);                                           \
                                                                                                                       \
        if (ops == NULL || ops->variants->name == NULL)                                                                \
            return bit_fail(-ENOTSUP, "no variant for backend %d", (int)exec->backend);                                \
        return ops->variants->name(exec, args);                                                                        \
    }                                                                                                                  \
    int bit_##name(const struct bit_exec *exec, const struct bit_##name##_args *args)                                  \
    {                                                                                                                  \
        bit_op_trace_begin(exec, #name);                                                                               \
        int err = run_##name(exec, args);                                                                              \
        bit_op_trace_end(exec);                                                                                        \
        return err < 0 ? bit_fail_within(err, #name) : err;                                                            \
    }
BIT_OP_TABLE(DEFINE)
