/*
 * A folder of token files as `dolma tokens` writes it and OLMo reads it:
 *
 *     part-0-00000.npy       raw little-endian ids, no header, 2 bytes each (4 where the vocabulary needs them)
 *     part-0-00000.csv.gz    a row a document: start,end,id,src,loc; start and end count tokens in the file, loc is the
 *                            line in src; no heading, rows end in CR LF, quotes as Python's csv module sets them
 *     dataset.json           ours, written last: the tokenizer's name and SHA-256, counts, the CRC-32C of each file
 *     tokenize.ledger        ours, see ledger.h: from what and how far; stays, so that a repeated call knows it is done
 *
 * Files are written as NAME.partial, synced and renamed; without dataset.json the folder is not complete.
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
    const char *folder;   /* made if it is not there */
    unsigned token_bytes; /* 2 or 4 */
    /* A file ends before the document that would bring it to so many tokens; a document of more has a file to itself.
     */
    uint64_t file_tokens;
    bool force;                         /* begin anew, whatever is there */
    const struct bit_ledger_head *head; /* what this dataset is made from; a head that is there must equal it */
};

/**
 * Begin a dataset, or go on with the one that the same head began. The options' texts are borrowed until destroy.
 * Errors      -EEXIST, unless force, if the folder has token files of another head (or without a ledger): the note says
 *             what differs; BIT_ECORRUPT if a finished file is missing or has another size; BIT_EBUSY if another
 * process writes there; -errno. Nothing is replaced then.
 */
int bit_dataset_create(const struct bit_dataset_options *options, struct bit_dataset **out);
/** Where to go on: the mark of the last finished file; all zero if there is none. */
struct bit_ledger_mark bit_dataset_mark(const struct bit_dataset *d);
/** Finished files. */
size_t bit_dataset_finished(const struct bit_dataset *d, uint64_t *tokens, uint64_t *documents);
/** Is dataset.json there, so that nothing is left to do? */
bool bit_dataset_complete(const struct bit_dataset *d);
/** Must the file under way end before a document of so many tokens? */
bool bit_dataset_full(const struct bit_dataset *d, size_t count);
/** End the file under way; `next` is what the next one begins with. -errno naming the file. */
int bit_dataset_end_file(struct bit_dataset *d, const struct bit_ledger_mark *next);
/** Append a document: count ids of token_bytes, little-endian. -errno naming the file. */
int bit_dataset_add(struct bit_dataset *d, const uint8_t *tokens, size_t count, const struct bit_part_row *row);
/**
 * End the file under way, and write dataset.json: `meta` (borrowed, an object) with "dtype", "documents", "tokens" and
 * "files" put in.
 */
int bit_dataset_finish(struct bit_dataset *d, const struct bit_ledger_mark *end, json_t *meta);
/** Without finish before it, removes the file under way, and the ledger if no file is finished. NULL is fine. */
void bit_dataset_destroy(struct bit_dataset *d);

#endif
