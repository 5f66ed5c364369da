/* Token embedding: gather, and scatter-add backward. */
#ifndef BIT_KERNELS_EMBED_H
#define BIT_KERNELS_EMBED_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(embed);
/**
 * y[r] = table[ids[r]].
 * Shapes      ids (R), each below V: a processor returns an error for others, a GPU kernel traps; table (V, C);
 *             y (R, C)
 * Dtypes      table, y f32 or bf16
 */
struct bit_embed_args {
    int64_t rows, cols, vocab;
    const uint32_t *ids;
    const void *table;
    enum bit_dtype table_dtype;
    void *y;
    enum bit_dtype y_dtype;
};

BIT_OP_DECLARE(embed_backward);
/**
 * dtable[ids[r]] += dy[r].
 * Shapes      ids (R), as embed's; dy (R, C); dtable (V, C)
 * Dtypes      dy f32 or bf16; dtable f32
 * Order       rows with the same id are added in order of r: deterministic for any number of threads
 */
struct bit_embed_backward_args {
    int64_t rows, cols, vocab;
    const uint32_t *ids;
    const void *dy;
    enum bit_dtype dy_dtype;
    float *dtable;
};
/** Bytes of exec->workspace that embed_backward needs. */
size_t bit_embed_backward_workspace(enum bit_backend backend, int64_t rows, int64_t vocab);

#endif
