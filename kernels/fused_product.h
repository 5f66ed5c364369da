/* Whether a product of the 16-bit phase runs as one kernel with the operator after it: matmul_swiglu.h, matmul_rope.h.
 */
#ifndef BIT_KERNELS_FUSED_PRODUCT_H
#define BIT_KERNELS_FUSED_PRODUCT_H

#include "kernels/exec/exec.h"

enum bit_fused_kind {
    BIT_FUSED_SWIGLU,          /* matmul_swiglu */
    BIT_FUSED_SWIGLU_BACKWARD, /* matmul_swiglu_backward */
    BIT_FUSED_ROPE,            /* matmul_rope */
    BIT_FUSED_KINDS,
};

struct bit_fused_product {
    enum bit_fused_kind kind;
    int64_t m, n, k;      /* as in the operator's arguments; of matmul_rope n is 3 H D */
    int64_t head_dim;     /* of matmul_rope */
    enum bit_dtype dtype; /* of all its matrices */
};

/**
 * NULL if the product should be fused: the back end has a kernel for it, and that is faster than the two operators.
 * Otherwise the reason, a static text: "operands are not bf16". It depends only on the card and the product, so that a
 * resumed run makes the same choice.
 */
const char *bit_fused_product_refused(const struct bit_exec *exec, const struct bit_fused_product *product);

#endif
