/*
 * How one source becomes a variant for each processor level.
 *
 * A file listed in kernels_isa_sources defines, for operators of BIT_ISA_TABLE,
 *
 *     int BIT_ISA(norm)(const struct bit_exec *exec, const struct bit_norm_args *args)
 *
 * and is compiled once for each level under the names bit_norm_base, bit_norm_avx2 and bit_norm_avx512. isa.c defines
 * bit_norm_cpu, which calls the one of exec->isa. Everything else in such a file is static.
 */
#ifndef BIT_KERNELS_CPU_ISA_H
#define BIT_KERNELS_CPU_ISA_H

#include "kernels/exec/op.h"

/* clang-format off */
/* In the order of BIT_OP_TABLE; gemm is not an operator itself, but matmul and bitlinear call it. */
#define BIT_ISA_TABLE(X)                                                                                               \
    X(embed)                                                                                                           \
    X(embed_backward)                                                                                                  \
    X(norm)                                                                                                            \
    X(norm_backward)                                                                                                   \
    X(quantise)                                                                                                        \
    X(gemm)                                                                                                            \
    X(rope)                                                                                                            \
    X(rope_backward)                                                                                                   \
    X(attention)                                                                                                       \
    X(attention_backward)                                                                                              \
    X(attention_branches)                                                                                              \
    X(swiglu)                                                                                                          \
    X(swiglu_backward)                                                                                                 \
    X(xent)                                                                                                            \
    X(sumsq)                                                                                                           \
    X(adamw)                                                                                                           \
    X(cast)                                                                                                            \
    X(absmean)                                                                                                         \
    X(histogram)                                                                                                       \
    X(ternarise)
/* clang-format on */

#define BIT_ISA_DECLARE_AT(name, level)                                                                                \
    struct bit_##name##_args;                                                                                          \
    int bit_##name##_##level(const struct bit_exec *exec, const struct bit_##name##_args *args)

#define BIT_ISA_PASTE(name, level) bit_##name##_##level
#define BIT_ISA_NAME(name, level)  BIT_ISA_PASTE(name, level)
#define BIT_ISA(name)              BIT_ISA_NAME(name, BIT_ISA_LEVEL)

#define BIT_ISA_DECLARE(name)                                                                                          \
    BIT_ISA_DECLARE_AT(name, base);                                                                                    \
    BIT_ISA_DECLARE_AT(name, avx2);                                                                                    \
    BIT_ISA_DECLARE_AT(name, avx512);
BIT_ISA_TABLE(BIT_ISA_DECLARE)

#endif
