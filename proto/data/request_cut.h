/*
 * Fits an item of a request file to a context length, as OLMo does: the model reads the context and the continuation
 * without its last token, cut from the left to the context length. Each row of logits predicts the token after it, so
 * the rows that are scored begin at the context's last token, one for each token of the continuation.
 *
 *     tokens   c0 c1 c2 | k0 k1 k2        the query: all tokens but the last
 *     rows           r2   r3 r4           first_row 2, of 3
 */
#ifndef BIT_PROTO_REQUEST_CUT_H
#define BIT_PROTO_REQUEST_CUT_H

#include <stdint.h>

#include "proto/data/request_file.h"

struct bit_request_cut {
    uint32_t context_from;   /* tokens cut from the start of the context */
    uint32_t context_tokens; /* tokens of the context that are kept; at least 1 */
    uint32_t query_tokens;   /* tokens that the model reads: the kept context, and the continuation without its last */
    uint32_t first_row, rows;
};

/**
 * Cut an item to a model's context length.
 * Errors      BIT_EDATA naming the item if its continuation leaves no room for a token of the context
 * Source      allenai/OLMo olmo/eval/downstream.py, prep_examples
 */
int bit_request_cut(const struct bit_request_file *f, uint32_t item, uint32_t context, struct bit_request_cut *out);
/** The kept context and the whole continuation: cut->query_tokens + 1 ids. The last cut->rows of them are predicted. */
void bit_request_cut_ids(const struct bit_request_file *f, uint32_t item, const struct bit_request_cut *cut,
                         uint32_t *ids);

/** Sums and maxima over all items of a file. */
struct bit_request_extent {
    uint32_t longest;   /* query tokens of the longest item, uncut */
    uint32_t cut;       /* items that the context length cuts */
    uint64_t queries;   /* query tokens of all items, without sharing contexts */
    uint64_t rows;      /* tokens of all continuations */
    uint32_t most_rows; /* tokens of the longest continuation */
};
/**
 * Computes the extent of a file for a context length. Errors: as bit_request_cut, for the first item that does not fit,
 * prefixed with the path.
 */
int bit_request_extent(const struct bit_request_file *f, const char *path, uint32_t context,
                       struct bit_request_extent *out);

#endif
