/*
 * A folder of token files as `dolma tokens` writes it and OLMo reads it:
 *
 *     part-0-00000.npy       raw little-endian ids, no header, 2 bytes each (4 where the vocabulary needs them)
 *     part-0-00000.csv.gz    a row a document: start,end,id,src,loc; start and end count tokens in the file, loc is the
 *                            line in src; no heading, rows end in CR LF, quotes as Python's csv module sets them
 *     dataset.json           ours, written last: the tokenizer's name and SHA-256, counts, the CRC-32C of each file
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

#define BIT_DATASET_META            "dataset.json"
#define BIT_DATASET_FILE_TOKENS_MAX (1u << 30) /* dolma's default */

struct bit_dataset;

struct bit_dataset_options {
    const char *folder;   /* made if it is not there */
    unsigned token_bytes; /* 2 or 4 */
    /* A file ends before the document that would bring it to so many tokens; a document of more has a file to itself.
     */
    uint64_t file_tokens;
    bool force; /* replace the token files that are there */
};

struct bit_dataset_row {
    const uint8_t *id;
    size_t id_bytes;
    const char *source;
    uint64_t line;
};

/**
 * Begin a dataset. The options' texts are borrowed until destroy.
 * Errors      -EEXIST if the folder has token files and force is not set; BIT_EBUSY if another process writes there;
 *             -errno. Nothing is replaced yet then.
 */
int bit_dataset_create(const struct bit_dataset_options *options, struct bit_dataset **out);
/** Append a document: count ids of token_bytes, little-endian. -errno naming the file. */
int bit_dataset_add(struct bit_dataset *d, const uint8_t *tokens, size_t count, const struct bit_dataset_row *row);
/**
 * Sync and name what was written, remove what an earlier dataset leaves behind, and write dataset.json: `meta`
 * (borrowed, an object) with "dtype", "documents", "tokens" and "files" put in.
 */
int bit_dataset_finish(struct bit_dataset *d, json_t *meta);
/** Without finish before it, removes every file this dataset has written. NULL is fine. */
void bit_dataset_destroy(struct bit_dataset *d);

#endif
