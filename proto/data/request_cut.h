/*
 * An item of a request file within a context length, as OLMo has it: the model reads the context and the continuation
 * without its last token, cut from the left to the context length. Each row of logits predicts the token after it, so
 * those that count begin at the context's last token, and are as many as the continuation's tokens.
 *
 *     tokens   c0 c1 c2 | k0 k1 k2        the query is all but the last
 *     rows           r2   r3 r4           first_row 2, of 3
 */
#ifndef BIT_PROTO_REQUEST_CUT_H
#define BIT_PROTO_REQUEST_CUT_H

#include <stdint.h>

#include "proto/data/request_file.h"

struct bit_request_cut {
    uint32_t context_from;   /* tokens of the context that are left out, at its beginning */
    uint32_t context_tokens; /* that are kept; 1 at least */
    uint32_t query_tokens;   /* what the model reads: the kept context, and the continuation but for its last token */
    uint32_t first_row, rows;
};

/**
 * Cut an item to a model's context length.
 * Errors      BIT_EDATA naming the item if its continuation leaves no room for a token of the context
 * Source      allenai/OLMo olmo/eval/downstream.py, prep_examples
 */
int bit_request_cut(const struct bit_request_file *f, uint32_t item, uint32_t context, struct bit_request_cut *out);
/** The kept context and the whole continuation: cut->query_tokens + 1 ids. The last cut->rows are what is predicted. */
void bit_request_cut_ids(const struct bit_request_file *f, uint32_t item, const struct bit_request_cut *cut,
                         uint32_t *ids);

/** Of all items. */
struct bit_request_extent {
    uint32_t longest;   /* query tokens of an item that is not cut */
    uint32_t cut;       /* items that the context length cuts */
    uint64_t queries;   /* query tokens, each item by itself */
    uint64_t rows;      /* tokens of all continuations */
    uint32_t most_rows; /* of one */
};
/**
 * What a context length makes of a file. Errors: as bit_request_cut, of the first item that does not fit, led by the
 * path.
 */
int bit_request_extent(const struct bit_request_file *f, const char *path, uint32_t context,
                       struct bit_request_extent *out);

#endif
