/* A linear's operand from the forward pass, recomputed: an additional output of operators of the backward pass, so that
 * the operand need not be kept in memory until the weight's gradient needs it. */
#ifndef BIT_KERNELS_OPERAND_H
#define BIT_KERNELS_OPERAND_H

#include "kernels/exec/exec.h"

/**
 * n is the linear's input, which the operator's header defines: the normed row, or up silu(gate). Without a scale the
 * operand is n. With quantise's scale it is q (1 / scale), where q are the codes (strength 1) or blends of n, as in
 * quantise.h, each operation rounded in this order; blends are first rounded to `dtype`, as quantise wrote them.
 * Shapes      to (R, C); scale (R)
 * Ownership   borrowed; `to` is disjoint from every other buffer
 * Accuracy    from the forward pass's mean, rstd and scale of the row, n and q have its bits, on each backend
 */
struct bit_operand {
    void *to; /* NULL: none is made */
    enum bit_dtype dtype;
    const float *scale; /* NULL: n itself */
    float strength;     /* quantise's; read where there is a scale */
};

/** 0, or -EINVAL, noted with the operator's name. */
int bit_operand_check(const char *name, const struct bit_operand *operand);

/** The same operand starting at row `first`. */
static inline struct bit_operand bit_operand_rows(struct bit_operand operand, int64_t first, int64_t cols)
{
    if (operand.to != NULL)
        operand.to = (uint8_t *)operand.to + first * cols * (int64_t)bit_dtype_bytes(operand.dtype);
    if (operand.scale != NULL)
        operand.scale += first;
    return operand;
}

#endif
