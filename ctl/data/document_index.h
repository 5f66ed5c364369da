/*
 * Reads the document index beside a token file: NAME.csv.gz of NAME.npy, one row per document, as `dolma tokens` and
 * `bitctl tokenize` write it.
 */
#ifndef BIT_CTL_DOCUMENT_INDEX_H
#define BIT_CTL_DOCUMENT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define BIT_DOCUMENT_INDEX_ROW_MAX (1u << 20) /* bytes of one row */

struct bit_document_index;

struct bit_document_index_row {
    uint64_t start, end;            /* token offsets in the file; end is exclusive */
    const char *id, *source, *line; /* borrowed until the next row */
};

/** Returns 1 with *out, or 0 if the file has no index. Errors: -errno; -ENOMEM. */
int bit_document_index_open(const char *token_path, struct bit_document_index **out);
void bit_document_index_close(struct bit_document_index *index);
/** Returns 1 with a row, or 0 at the end. Errors: BIT_ECORRUPT naming the row; BIT_ELIMIT. */
int bit_document_index_next(struct bit_document_index *index, struct bit_document_index_row *out);

#endif
