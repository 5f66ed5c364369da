/*
 * Makes the codes and scales that a checkpoint's matrices are trained with. It uses the operators with which the
 * worker publishes them (worker/ranks/weight_scales, publish), on one rank and at full strength.
 */
#ifndef BIT_CTL_EXPORT_TERNARY_H
#define BIT_CTL_EXPORT_TERNARY_H

#include <stdint.h>

#include "kernels/exec/exec.h"
#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"

#define BIT_TERNARY_SEGMENTS_MAX 3

/* For one matrix: segments of equal size follow one another in it; each has one scale. */
struct bit_ternary {
    int segments;                             /* 1, or one for each projection */
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

/** The scale of projection p of bit_tensor_projections: its own, or the shared one. */
float bit_ternary_scale(const struct bit_ternary *ternary, int projection);

#endif
