/* bit_NAME_cpu() for operators that are built once for each processor level. */
#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#define DEFINE(name)                                                                                                   \
    BIT_OP_DECLARE(name);                                                                                              \
    int bit_##name##_cpu(const struct bit_exec *exec, const struct bit_##name##_args *args)                            \
    {                                                                                                                  \
        if (exec->isa == BIT_ISA_AVX512)                                                                               \
            return bit_##name##_avx512(exec, args);                                                                    \
        if (exec->isa == BIT_ISA_AVX2)                                                                                 \
            return bit_##name##_avx2(exec, args);                                                                      \
        return bit_##name##_base(exec, args);                                                                          \
    }
#else
#define DEFINE(name)                                                                                                   \
    BIT_OP_DECLARE(name);                                                                                              \
    int bit_##name##_cpu(const struct bit_exec *exec, const struct bit_##name##_args *args)                            \
    {                                                                                                                  \
        return bit_##name##_base(exec, args);                                                                          \
    }
#endif
BIT_ISA_TABLE(DEFINE)
