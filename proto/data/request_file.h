/*
 * Request files: a downstream task as token ids, made by `bitctl tokenize --requests`. A document is a question with
 * several choices. An item is one choice: a context and its continuation, tokenized separately. The model computes the
 * log-likelihood of the continuation's tokens. Items are stored uncut: request_cut.h fits one to a context length.
 *
 * All numbers are little-endian. A file is, without gaps,
 *
 *     header     512 bytes
 *        0  8    "bitdreq\n"               40  64  SHA-256 of the tokenizer.json, in hex
 *        8  u32  version, 1               104  72  task's name, padded with NUL
 *       12  u32  metric                   176 256  tokenizer's name, likewise
 *       16  u32  bytes of an id, 2 or 4   432  64  zero
 *       20  u32  vocabulary               496 u32  CRC-32C of both tables
 *       24  u32  documents D              500 u32  CRC-32C of the ids
 *       28  u32  items I                  504 u32  zero
 *       32  u64  ids N                    508 u32  CRC-32C of the 508 bytes before
 *     documents  D of 16 bytes, by number: u64 number in its source, u32 label, u32 choices
 *     items      I of 20 bytes, by document and choice: u32 tokens of the context, u32 tokens, characters and bytes of
 *                the continuation, the latter two without its leading space, u32 1 if the context is the previous
 *                item's
 *     ids        N: for each item the context (unless it is the previous item's) and the continuation
 *
 * Each document has all of its choices, in order and once.
 */
#ifndef BIT_PROTO_REQUEST_FILE_H
#define BIT_PROTO_REQUEST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/regular_file.h"

#define BIT_REQUEST_FILE_ENDING  ".requests"
#define BIT_REQUEST_FILE_VERSION 1
#define BIT_REQUEST_HEADER_BYTES 512

/* How items become a score. */
enum bit_task_metric {
    BIT_METRIC_ACC = 1,      /* the likeliest choice is the label */
    BIT_METRIC_LEN_NORM = 2, /* the same, each log-likelihood divided by the continuation's characters */
    BIT_METRIC_F1 = 3,       /* of two choices; choice 0 is the positive class */
};
#define BIT_METRIC_NAMES "acc, len_norm, f1"
/** "acc". */
const char *bit_task_metric_name(enum bit_task_metric metric);
/** The metric of that name, or 0. */
enum bit_task_metric bit_task_metric_find(const char *name);
/** Whether a name is valid for a task, hence for a file: letters, digits, '_', '-' and '.', which may not come first;
 * at most BIT_NAME_MAX. */
bool bit_task_name_valid(const char *name);

struct bit_request_file {
    char task[BIT_NAME_MAX + 1];
    enum bit_task_metric metric;
    char tokenizer[256], sha256[65]; /* as in dataset.json */
    uint32_t vocab;
    unsigned token_bytes; /* 2 or 4 */
    uint64_t digest;      /* of the whole file, computed from its checksums; not stored in the file */
    struct bit_request_document {
        uint64_t number;
        uint32_t label, choices;
        uint32_t first_item;
    } * document;
    struct bit_request_item {
        uint32_t document; /* its index */
        uint32_t choice;
        uint32_t context_tokens, continuation_tokens;
        uint32_t characters, bytes; /* of the continuation, without its leading space */
        bool same_context;          /* as the previous item: equal context_at */
        uint64_t context_at, continuation_at;
    } * item;
    uint32_t document_count, item_count;
    void *ids; /* of token_bytes, host order */
    uint64_t id_count;
};

/** Whether a file with these first bytes is a request file, of any version. */
bool bit_request_file_is(const uint8_t *bytes, size_t count);
/**
 * Read a whole file and check every part of it: checksums, lengths, labels, ids below the vocabulary. *out is the
 * caller's (finish), untouched on failure. shown: NULL, or the file that `path` must be.
 * Errors      naming the path, and the document and choice where there is one: BIT_EDATA if it is no request file;
 *             BIT_EVERSION; BIT_ECORRUPT; BIT_ELIMIT; BIT_EAUTH if it is not `shown`; -errno; -ENOMEM
 */
int bit_request_file_open(const char *path, const struct bit_file_id *shown, struct bit_request_file *out);
/** The same for bytes in memory, which remain the caller's; `path` is for error messages. */
int bit_request_file_parse(const uint8_t *bytes, size_t count, const char *path, struct bit_request_file *out);
void bit_request_file_finish(struct bit_request_file *f);

/**
 * Encode a file; *bytes is heap, the caller's. f must be consistent: first_item, document, choice, context_at and
 * continuation_at are not read, because they follow from the rest. Errors: BIT_ELIMIT; -ENOMEM.
 */
int bit_request_file_encode(const struct bit_request_file *f, uint8_t **bytes, size_t *count);

/** The name of an item in errors: "task 'copa', document 17, choice 1". */
const char *bit_request_item_name(const struct bit_request_file *f, uint32_t item, char out[BIT_NAME_MAX + 64]);

/**
 * Check that a file's ids fit the model: its vocabulary and tokenizer.
 * tokenizer: NULL or "": any; else the name or the SHA-256 of the tokenizer of the model's training data
 * Errors      BIT_EDATA naming the path and both sides
 */
int bit_request_file_check(const struct bit_request_file *f, const char *path, uint32_t vocab, const char *tokenizer);

#endif
