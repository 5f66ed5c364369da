/* AdamW on one range of the flat parameter vector, as in torch.optim.AdamW, with moments of f32 or bf16. */
#ifndef BIT_KERNELS_ADAMW_H
#define BIT_KERNELS_ADAMW_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(adamw);
/**
 * g' = g grad_scale;  p -= lr weight_decay p;  m = b1 m + (1-b1) g';  v = b2 v + (1-b2) g'^2;
 * p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps).
 * t >= 1 counts the updates since the moments were zero. grad_scale is clip.h's, in the backend's memory; NULL for 1.
 * If it is NaN or infinite, nothing is changed: the update is skipped.
 * Moments of bf16 are converted to f32, updated in f32, and rounded stochastically to bf16 (stochastic_rounding.h).
 * Rounded to nearest, v could never fall for b2 >= 0.998, where (1-b2) v is below half a unit in the last place.
 * The random bits depend on seed, t and each element's index in the flat vector (first, first + 1, ...).
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
    uint64_t seed; /* for bf16 moments only, as is `first` */
    int64_t first; /* index in the flat vector of this range's first element */
};

#endif
