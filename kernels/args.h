/*
 * Checks of operators' arguments, which every variant calls first. Each bit_NAME_check is defined in NAME.c, next to
 * the contract, and returns 0, or -EINVAL with a note.
 */
#ifndef BIT_KERNELS_ARGS_H
#define BIT_KERNELS_ARGS_H

#include "kernels/element.h"
#include "kernels/exec/op.h"
#include "proto/err.h"

#define BIT_ELEMENTS_MAX ((int64_t)1 << 40) /* in one buffer: index arithmetic stays far from overflow */

#define BIT_CHECK_DECLARE(name)                                                                                        \
    struct bit_##name##_args;                                                                                          \
    int bit_##name##_check(const struct bit_##name##_args *args)

BIT_CHECK_DECLARE(embed);
BIT_CHECK_DECLARE(embed_backward);
BIT_CHECK_DECLARE(norm);
BIT_CHECK_DECLARE(norm_backward);
BIT_CHECK_DECLARE(rope);
BIT_CHECK_DECLARE(rope_backward);
BIT_CHECK_DECLARE(attention);
BIT_CHECK_DECLARE(attention_backward);
BIT_CHECK_DECLARE(attention_branches);
BIT_CHECK_DECLARE(swiglu);
BIT_CHECK_DECLARE(swiglu_backward);
BIT_CHECK_DECLARE(swiglu_quantise);
BIT_CHECK_DECLARE(swiglu_norm_backward);
BIT_CHECK_DECLARE(targets);
BIT_CHECK_DECLARE(xent);
BIT_CHECK_DECLARE(sum);
BIT_CHECK_DECLARE(adamw);
BIT_CHECK_DECLARE(cast);
BIT_CHECK_DECLARE(matmul);
BIT_CHECK_DECLARE(matmul_rope);
BIT_CHECK_DECLARE(matmul_swiglu);
BIT_CHECK_DECLARE(matmul_swiglu_backward);
BIT_CHECK_DECLARE(quantise);
BIT_CHECK_DECLARE(ternarise);
BIT_CHECK_DECLARE(transpose);
BIT_CHECK_DECLARE(histogram);
BIT_CHECK_DECLARE(bitlinear);
BIT_CHECK_DECLARE(bitlinear_backward_data);

/* Checks of buffer contents: only the reference and the processor's variants make them, since they can read the
 * buffers without a copy. */
int bit_check_ids(const char *name, const uint32_t *ids, int64_t rows, int64_t vocab);
int bit_xent_check_targets(const struct bit_xent_args *args);
int bit_check_branches(const struct bit_attention_branches_args *args);

/* There may be 0 rows; there must be at least one column. */
static inline int bit_check_shape(const char *name, int64_t rows, int64_t cols)
{
    if (rows < 0 || cols < 1 || rows > BIT_ELEMENTS_MAX / cols)
        return bit_fail(-EINVAL, "%s: shape (%lld, %lld)", name, (long long)rows, (long long)cols);
    return 0;
}

static inline int bit_check_float(const char *name, enum bit_dtype dtype)
{
    if (dtype != BIT_F32 && dtype != BIT_BF16)
        return bit_fail(-EINVAL, "%s: dtype %d is neither f32 nor bf16", name, (int)dtype);
    return 0;
}

#endif
