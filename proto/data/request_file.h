/*
 * Request files: a downstream task as token ids, which `bitctl tokenize --requests` makes. A document asks for one of
 * its choices; an item is one choice, a context and its continuation, tokenized apart; a model is asked for the
 * log-likelihood of the continuation's tokens. Nothing is cut yet: request_cut.h fits an item to a context length.
 *
 * All numbers are little-endian. A file is, without gaps,
 *
 *     header     512 bytes
 *        0  8    "bitdreq\n"               40  64  SHA-256 of the tokenizer.json, in hex
 *        8  u32  version, 1               104  72  task's name, filled up with NUL
 *       12  u32  metric                   176 256  tokenizer's name, likewise
 *       16  u32  bytes of an id, 2 or 4   432  64  zero
 *       20  u32  vocabulary               496 u32  CRC-32C of both tables
 *       24  u32  documents D              500 u32  CRC-32C of the ids
 *       28  u32  items I                  504 u32  zero
 *       32  u64  ids N                    508 u32  CRC-32C of the 508 bytes before
 *     documents  D of 16 bytes, by number: u64 number in its source, u32 label, u32 choices
 *     items      I of 20 bytes, by document and choice: u32 tokens of the context, u32 tokens, characters and bytes of
 *                the continuation, the latter two without its leading space, u32 1 if the context is the item's before
 *     ids        N, of each item the context (unless it is the one before) and the continuation
 *
 * so that a document has no gap among its choices, and no choice twice.
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
/** Fit to name a task, hence a file: letters, digits, '_', '-' and '.', which is not first; at most BIT_NAME_MAX. */
bool bit_task_name_valid(const char *name);

struct bit_request_file {
    char task[BIT_NAME_MAX + 1];
    enum bit_task_metric metric;
    char tokenizer[256], sha256[65]; /* as in dataset.json */
    uint32_t vocab;
    unsigned token_bytes; /* 2 or 4 */
    uint64_t digest;      /* of the whole file, from its checksums: equal for equal files; not encoded */
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
        bool same_context;          /* as the item before: equal context_at */
        uint64_t context_at, continuation_at;
    } * item;
    uint32_t document_count, item_count;
    void *ids; /* of token_bytes, host order */
    uint64_t id_count;
};

/** Whether a file with these first bytes is one, of whatever version. */
bool bit_request_file_is(const uint8_t *bytes, size_t count);
/**
 * Read a file whole and check every part of it: checksums, lengths, labels, ids below the vocabulary. *out is the
 * caller's (finish), untouched on failure. shown: NULL, or the file that it must be.
 * Errors      naming the path, and the document and choice where there is one: BIT_EDATA if it is no request file;
 *             BIT_EVERSION; BIT_ECORRUPT; BIT_ELIMIT; BIT_EAUTH if it is not `shown`; -errno; -ENOMEM
 */
int bit_request_file_open(const char *path, const struct bit_file_id *shown, struct bit_request_file *out);
/** The same of bytes in memory, which stay the caller's; `path` is for what is said of them. */
int bit_request_file_parse(const uint8_t *bytes, size_t count, const char *path, struct bit_request_file *out);
void bit_request_file_finish(struct bit_request_file *f);

/**
 * The bytes of a file, heap, the caller's. What f says must hold: first_item, document, choice, context_at and
 * continuation_at are not read but follow from the rest. Errors: BIT_ELIMIT; -ENOMEM.
 */
int bit_request_file_encode(const struct bit_request_file *f, uint8_t **bytes, size_t *count);

/** "task 'copa', document 17, choice 1": what errors call an item. */
const char *bit_request_item_name(const struct bit_request_file *f, uint32_t item, char out[BIT_NAME_MAX + 64]);

/**
 * Hold a file against the model that is to answer it: its ids are the model's.
 * tokenizer: NULL or "": anybody's; else the name or the SHA-256 that the model's training data have
 * Errors      BIT_EDATA naming the path and both sides
 */
int bit_request_file_check(const struct bit_request_file *f, const char *path, uint32_t vocab, const char *tokenizer);

#endif
