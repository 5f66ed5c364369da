/* Softmax, cross entropy and its gradient in one pass over the logits, in place. */
#ifndef BIT_KERNELS_XENT_H
#define BIT_KERNELS_XENT_H
#include "kernels/op.h"
#include "kernels/targets.h" /* BIT_TARGETS_IGNORE */

BIT_OP_DECLARE(xent);
/**
 * loss[r] = logsumexp(logits[r]) - logits[r, target[r]] (0 where ignored); with grad != NULL, grad[r] = (softmax -
 * onehot) grad_scale (0 where ignored). logits (R, V) f32 or bf16; grad (R, V) of grad_dtype, may alias logits if the
 * dtypes agree. All V columns take part, padding too, as OLMo's. Targets are
 * below V: the processor refuses others, a GPU stops at them.
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
