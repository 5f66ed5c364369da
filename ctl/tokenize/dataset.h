/*
 * A folder of token files, in the format that `dolma tokens` writes and OLMo reads:
 *
 *     part-0-00000.npy       raw little-endian ids, no header, 2 bytes each (4 where the vocabulary needs them)
 *     part-0-00000.csv.gz    one row per document: start,end,id,src,loc; start and end count tokens in the file, loc is
 *                            the line in src; no heading, rows end in CR LF, quotes as Python's csv module sets them
 *     dataset.json           bitd's own, written last: the tokenizer's name and SHA-256, counts, each file's CRC-32C
 *     tokenize.ledger        bitd's own (ledger.h): inputs, options and progress; it is kept, so that a repeated call
 *                            finds that nothing is left to do
 *
 * Files are written as NAME.partial, synced and renamed. A folder without dataset.json is not complete.
 * Source      allenai/dolma python/dolma/tokenizer/memmap_writer.py, data_types.py
 */
#ifndef BIT_CTL_DATASET_H
#define BIT_CTL_DATASET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/ledger.h"
#include "ctl/tokenize/part.h"

#define BIT_DATASET_META            "dataset.json"
#define BIT_DATASET_FILE_TOKENS_MAX (1u << 30) /* dolma's default */

struct bit_dataset;

struct bit_dataset_options {
    const char *folder;   /* created if missing */
    unsigned token_bytes; /* 2 or 4 */
    /* A file ends before the document that would bring it to so many tokens; a larger document has a file to itself. */
    uint64_t file_tokens;
    bool force;                         /* start again, whatever the folder contains */
    const struct bit_ledger_head *head; /* what it is made from; the head of an existing ledger must equal it */
};

/**
 * Begin a dataset, or continue the one in the folder if it has the same head. The options' texts are borrowed until
 * destroy. On failure nothing is replaced.
 * Errors      -EEXIST, unless force, if the folder has token files of another head (or without a ledger): the note
 *             says what differs; BIT_ECORRUPT if a finished file is missing or has another size; BIT_EBUSY if another
 *             process writes there; BIT_EOUTPUT; -errno
 */
int bit_dataset_create(const struct bit_dataset_options *options, struct bit_dataset **out);
/** Where to continue: the mark of the last finished file; all zero if there is none. */
struct bit_ledger_mark bit_dataset_mark(const struct bit_dataset *d);
/** Number of finished files, with their tokens and documents. */
size_t bit_dataset_finished(const struct bit_dataset *d, uint64_t *tokens, uint64_t *documents);
/** Whether dataset.json exists, so that nothing is left to do. */
bool bit_dataset_complete(const struct bit_dataset *d);
/** Whether the current file must end before a document of so many tokens. */
bool bit_dataset_full(const struct bit_dataset *d, size_t count);
/** End the current file; `next` is where the next one begins in the input. -errno naming the file. */
int bit_dataset_end_file(struct bit_dataset *d, const struct bit_ledger_mark *next);
/** Append a document: count ids of token_bytes, little-endian. -errno naming the file. */
int bit_dataset_add(struct bit_dataset *d, const uint8_t *tokens, size_t count, const struct bit_part_row *row);
/**
 * End the current file and write dataset.json: `meta` (borrowed, an object), to which "dtype", "documents", "tokens"
 * and "files" are added.
 */
int bit_dataset_finish(struct bit_dataset *d, const struct bit_ledger_mark *end, json_t *meta);
/** Without a finish, also removes the current file, and the ledger if no file is finished. NULL is fine. */
void bit_dataset_destroy(struct bit_dataset *d);

#endif
