/* AdamW on one range of the flat parameter vector, as torch.optim.AdamW orders it, with moments of f32 or bf16. */
#ifndef BIT_KERNELS_ADAMW_H
#define BIT_KERNELS_ADAMW_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(adamw);
/**
 * g' = g grad_scale;  p -= lr weight_decay p;  m = b1 m + (1-b1) g';  v = b2 v + (1-b2) g'^2;
 * p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps).
 * t >= 1 counts the updates since the moments were zero. grad_scale is clip.h's, in the backend's memory; NULL for 1.
 * Where it is NaN or infinite nothing is changed: the step is left out.
 * Moments of bf16 are widened, all of this is f32, and they are rounded on their way back, stochastically
 * (stochastic_rounding.h): to the nearest, v would never fall from b2 = 0.998 on, where (1-b2) v is below half a unit.
 * The random bits are those of seed, t and the elements' numbers from `first` on.
 * Shapes      p, m, v (count), in place; copy (count), the new p once more, or NULL
 * Dtypes      p f32; m, v `moments`, f32 or bf16; copy bf16
 * Source      torch.optim.AdamW (single tensor path); scalars are computed in double as there
 */
struct bit_adamw_args {
    int64_t count;
    float *p;
    void *m, *v;
    enum bit_dtype moments;
    const float *g;
    bit_bf16 *copy;
    double lr, beta1, beta2, eps, weight_decay;
    const double *grad_scale;
    uint64_t t;
    uint64_t seed; /* of bf16 moments, with the next: no part of f32 ones */
    int64_t first; /* of this range, in the flat vector */
};

#endif
