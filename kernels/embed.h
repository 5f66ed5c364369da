/* Token embedding: gather, and scatter-add backward. */
#ifndef BIT_KERNELS_EMBED_H
#define BIT_KERNELS_EMBED_H

#include "kernels/op.h"

BIT_OP_DECLARE(embed);
/**
 * y[r] = table[ids[r]].
 * Shapes      ids (R), each below V: a processor refuses others, a GPU stops at them; table (V, C); y (R, C)
 * Dtypes      table f32 or bf16; y f32
 */
struct bit_embed_args {
    int64_t rows, cols, vocab;
    const uint32_t *ids;
    const void *table;
    enum bit_dtype table_dtype;
    float *y;
};

BIT_OP_DECLARE(embed_backward);
/**
 * dtable[ids[r]] += dy[r].
 * Shapes      ids (R), as embed's; dy (R, C); dtable (V, C)
 * Order       rows of one id are added in order of r: deterministic for any number of threads
 */
struct bit_embed_backward_args {
    int64_t rows, cols, vocab;
    const uint32_t *ids;
    const float *dy;
    float *dtable;
};
/** Bytes of exec->workspace that embed_backward needs. */
size_t bit_embed_backward_workspace(enum bit_backend backend, int64_t rows, int64_t vocab);

#endif
