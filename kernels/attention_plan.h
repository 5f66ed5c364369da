/* Sizes of attention's scratch memory: what the workspace functions promise is what the passes lay out. */
#ifndef BIT_KERNELS_ATTENTION_PLAN_H
#define BIT_KERNELS_ATTENTION_PLAN_H

#include "kernels/attention.h"

#define BIT_ATTENTION_TILE  64 /* queries, and keys, that are worked on at once */
#define BIT_ATTENTION_WIDTH 32 /* head_dim is padded to a multiple of this */

/* One head in its padded form. */
struct bit_attention_plan {
    int64_t tiles, padded; /* of time */
    int64_t width;         /* of head_dim */
};
struct bit_attention_plan bit_attention_plan(int64_t time, int64_t head_dim);

/* 32-bit units of scratch for one thread; enough for both arithmetics. */
int64_t bit_attention_units(const struct bit_attention_plan *plan);
int64_t bit_attention_backward_units(const struct bit_attention_plan *plan);

#endif
