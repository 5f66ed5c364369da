/* Token embedding: gather, and scatter-add backward. */
#ifndef BIT_KERNELS_EMBED_H
#define BIT_KERNELS_EMBED_H
#include "kernels/op.h"

BIT_OP_DECLARE(embed);
/** y[r] = table[ids[r]].  table (V, C) f32 or bf16; y (R, C) f32. ids < V, checked by the caller. */
struct bit_embed_args {
    int64_t rows, cols, vocab;
    const uint16_t *ids;
    const void *table;
    enum bit_dtype table_dtype;
    float *y;
};

BIT_OP_DECLARE(embed_backward);
/** dtable[ids[r]] += dy[r], rows of one id added in order of r: deterministic for any number of threads. dtable (V, C)
 * f32. */
struct bit_embed_backward_args {
    int64_t rows, cols, vocab;
    const uint16_t *ids;
    const float *dy;
    float *dtable;
};
#endif
