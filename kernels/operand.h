/* What a linear multiplied in the forward pass, once more: an output that operators of the backward pass have beside
 * their own, so that nothing has to keep it until the weight's gradient needs it. */
#ifndef BIT_KERNELS_OPERAND_H
#define BIT_KERNELS_OPERAND_H

#include "kernels/exec/exec.h"

/**
 * n is the linear's input as its operator's header says: the normed row, up silu(gate). Without a scale the operand is
 * n. With quantise's it is q (1 / scale), where q are the codes (strength 1) or blends of n, quantise.h: what they
 * stand for, each step rounded in this order, and blends to `dtype` first, in which quantise wrote them.
 * Shapes      to (R, C); scale (R)
 * Ownership   borrowed; `to` is apart from every other buffer
 * Accuracy    given what the forward pass kept of the row (mean, rstd, scale), n and q have its bits, on each backend
 */
struct bit_operand {
    void *to; /* NULL: none is made */
    enum bit_dtype dtype;
    const float *scale; /* NULL: n itself */
    float strength;     /* quantise's; read where there is a scale */
};

/** 0, or -EINVAL noted in the operator's name. */
int bit_operand_check(const char *name, const struct bit_operand *operand);

/** The operand from row `first` on. */
static inline struct bit_operand bit_operand_rows(struct bit_operand operand, int64_t first, int64_t cols)
{
    if (operand.to != NULL)
        operand.to = (uint8_t *)operand.to + first * cols * (int64_t)bit_dtype_bytes(operand.dtype);
    if (operand.scale != NULL)
        operand.scale += first;
    return operand;
}

#endif
