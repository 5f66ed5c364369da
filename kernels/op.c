/* bit_NAME() for every operator of the table: the variant of exec->backend. */
#include "kernels/op.h"

#include "config.h"
#include "proto/err.h"

#define FAST_0(name) bit_##name##_ref
#define FAST_1(name) bit_##name##_cpu

#if BIT_HAVE_CUDA
#define CUDA_1(name) return bit_##name##_cuda(exec, args)
#else
#define CUDA_1(name) break
#endif
#define CUDA_0(name) break

#define DEFINE(name, has_cpu, has_cuda)                                                                                \
    BIT_OP_DECLARE(name);                                                                                              \
    int bit_##name(const struct bit_exec *exec, const struct bit_##name##_args *args)                                  \
    {                                                                                                                  \
        switch (exec->backend) {                                                                                       \
        case BIT_BACKEND_REF:                                                                                          \
            return bit_##name##_ref(exec, args);                                                                       \
        case BIT_BACKEND_CPU:                                                                                          \
            return FAST_##has_cpu(name)(exec, args);                                                                   \
        case BIT_BACKEND_CUDA:                                                                                         \
            CUDA_##has_cuda(name);                                                                                     \
        }                                                                                                              \
        return bit_fail(-ENOTSUP, #name " has no variant for backend %d", (int)exec->backend);                         \
    }
BIT_OP_TABLE(DEFINE)
