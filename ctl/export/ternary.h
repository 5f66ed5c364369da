/*
 * The codes and scales that a checkpoint's matrices are trained with, by the operators that the worker publishes them
 * with (worker/ranks/weight_scales, publish): on one rank, at full strength.
 */
#ifndef BIT_CTL_EXPORT_TERNARY_H
#define BIT_CTL_EXPORT_TERNARY_H

#include <stdint.h>

#include "kernels/exec/exec.h"
#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"

#define BIT_TERNARY_SEGMENTS_MAX 3

/* Of one matrix: segments of equal size lie one after the other in it, and share a scale. */
struct bit_ternary {
    int segments;                             /* 1, or one a projection */
    float scale[BIT_TERNARY_SEGMENTS_MAX];    /* 1 / max(eps, M|W|): code = clamp(rint(w scale), -1, 1) */
    uint64_t zeros[BIT_TERNARY_SEGMENTS_MAX]; /* codes that are 0 */
};

/**
 * Measure a linear (bit_tensor_is_linear) and make its codes.
 * Shapes      w, codes (rows, cols)
 * Order       the same bits as the worker's, for any number of threads and of its ranks
 * Errors      an operator's; -ENOMEM
 */
int bit_ternary_make(const struct bit_exec *exec, const Bit__QuantizerSpec *quantizer, const struct bit_tensor *tensor,
                     const float *w, struct bit_ternary *out, int8_t *codes);

/** The scale of projection p of bit_tensor_projections: its own, or the one that all share. */
float bit_ternary_scale(const struct bit_ternary *ternary, int projection);

#endif
