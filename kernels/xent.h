/* Softmax, cross entropy and its gradient in one operator; the gradient may overwrite the logits. */
#ifndef BIT_KERNELS_XENT_H
#define BIT_KERNELS_XENT_H

#include "kernels/exec/op.h"
#include "kernels/targets.h" /* BIT_TARGETS_IGNORE */

BIT_OP_DECLARE(xent);
/**
 * loss[r] = logsumexp(logits[r]) - logits[r, target[r]]; with grad != NULL, grad[r] = (softmax - onehot) grad_scale.
 * Both are 0 where the target is BIT_TARGETS_IGNORE. All V columns take part, padding too, as in OLMo.
 * Shapes      logits, grad (R, V); target (R), each below V: a processor returns an error for others, a GPU kernel
 *             traps; loss (R)
 * Dtypes      logits, grad f32 or bf16; loss f32
 * Ownership   grad may alias logits if the dtypes agree
 */
struct bit_xent_args {
    int64_t rows, vocab;
    const void *logits;
    enum bit_dtype logits_dtype;
    const int32_t *target;
    float *loss;
    void *grad;
    enum bit_dtype grad_dtype;
    float grad_scale;
};

#endif
