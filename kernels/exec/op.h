/*
 * The table of operators. An operator is one function with one argument struct; its variants compute the same thing:
 *
 *     bit_NAME_ref    ref/NAME.c      plain loops, the reference
 *     bit_NAME_cpu    cpu/NAME.c      fast, where it pays; otherwise the reference is used
 *     bit_NAME_cuda   cuda/NAME.cu    or NAME.c, where it calls a library instead of kernels; products lie in
 *                                     cuda/gemm, attention in cuda/attention
 *
 * bit_NAME() calls the variant of exec->backend: the worker calls the same functions that kcheck checks.
 */
#ifndef BIT_KERNELS_OP_H
#define BIT_KERNELS_OP_H

#include "kernels/exec/exec.h"

#define BIT_OP_DECLARE(name)                                                                                           \
    struct bit_##name##_args;                                                                                          \
    int bit_##name(const struct bit_exec *exec, const struct bit_##name##_args *args);                                 \
    int bit_##name##_ref(const struct bit_exec *exec, const struct bit_##name##_args *args);                           \
    int bit_##name##_cpu(const struct bit_exec *exec, const struct bit_##name##_args *args);                           \
    int bit_##name##_cuda(const struct bit_exec *exec, const struct bit_##name##_args *args)

/* clang-format off */
/* X(name, has a _cpu variant, has a _cuda variant): every operator, in the order of a training step. */
#define BIT_OP_TABLE(X)                                                                                                \
    X(embed, 1, 1)                                                                                                     \
    X(embed_backward, 1, 1)                                                                                            \
    X(norm, 1, 1)                                                                                                      \
    X(norm_backward, 1, 1)                                                                                             \
    X(quantise, 1, 1)                                                                                                  \
    X(matmul, 1, 1)                                                                                                    \
    X(matmul_rope, 0, 1)                                                                                               \
    X(matmul_swiglu, 0, 1)                                                                                             \
    X(matmul_swiglu_backward, 0, 1)                                                                                    \
    X(bitlinear, 1, 1)                                                                                                 \
    X(bitlinear_backward_data, 1, 1)                                                                                   \
    X(rope, 1, 1)                                                                                                      \
    X(rope_backward, 1, 1)                                                                                             \
    X(attention, 1, 1)                                                                                                 \
    X(attention_backward, 1, 1)                                                                                        \
    X(attention_branches, 1, 1)                                                                                        \
    X(swiglu, 1, 1)                                                                                                    \
    X(swiglu_backward, 1, 1)                                                                                           \
    X(swiglu_quantise, 1, 1)                                                                                           \
    X(swiglu_norm_backward, 1, 1)                                                                                      \
    X(targets, 0, 1)                                                                                                   \
    X(xent, 1, 1)                                                                                                      \
    X(sum, 0, 1)                                                                                                       \
    X(sumsq, 1, 1)                                                                                                     \
    X(clip, 0, 1)                                                                                                      \
    X(adamw, 1, 1)                                                                                                     \
    X(cast, 1, 1)                                                                                                      \
    X(absmean, 1, 1)                                                                                                   \
    X(histogram, 1, 1)                                                                                                 \
    X(histogram_search, 0, 1)                                                                                          \
    X(weight_scale, 0, 1)                                                                                              \
    X(ternarise, 1, 1)                                                                                                 \
    X(transpose, 1, 1)                                                                                                 \
    X(pack_codes, 1, 1)                                                                                                \
    X(unpack_codes, 1, 1)
/* clang-format on */

#endif
