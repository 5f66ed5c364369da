/* Sizes of attention's scratch memory, used both by the workspace functions and by the passes that lay it out. */
#ifndef BIT_KERNELS_ATTENTION_PLAN_H
#define BIT_KERNELS_ATTENTION_PLAN_H

#include "kernels/attention.h"

#define BIT_ATTENTION_TILE  64 /* queries, and keys, in a tile */
#define BIT_ATTENTION_WIDTH 32 /* head_dim is padded to a multiple of this */

/* The padded dimensions of one head. */
struct bit_attention_plan {
    int64_t tiles, padded; /* of time */
    int64_t width;         /* of head_dim */
};
struct bit_attention_plan bit_attention_plan(int64_t time, int64_t head_dim);

/* 32-bit units of scratch for one thread; enough for f32 and for bf16. */
int64_t bit_attention_units(const struct bit_attention_plan *plan);
int64_t bit_attention_backward_units(const struct bit_attention_plan *plan);

#endif
