/* The processor's level, and the levels' names. */
#include "kernels/exec/exec.h"

const char *bit_isa_name(enum bit_isa isa)
{
    static const char *const names[BIT_ISA_COUNT] = {"base", "avx2", "avx512"};

    return names[isa];
}

enum bit_isa bit_isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512bf16"))
        return BIT_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return BIT_ISA_AVX2;
#endif
    return BIT_ISA_BASE;
}
