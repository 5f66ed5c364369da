/*
 * Reads dataset.json, in which `bitctl tokenize` describes the token files of a folder. Token files from another source
 * have none; then nothing is known about them except their bytes.
 */
#ifndef BIT_PROTO_SIDECAR_H
#define BIT_PROTO_SIDECAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"

#define BIT_SIDECAR_NAME      "dataset.json"
#define BIT_SIDECAR_BYTES_MAX (64u << 20)

struct bit_sidecar {
    char tokenizer[256], sha256[65]; /* the tokenizer's name, and the digest of its file */
    uint32_t vocab, end_of_text;
    unsigned token_bytes; /* 2 or 4 */
    uint64_t documents, tokens, text_bytes;
    struct bit_sidecar_file {
        char name[64];
        uint64_t tokens, documents;
        uint32_t crc; /* CRC-32C of its bytes */
    } * file;
    size_t file_count;
};

/**
 * Read the dataset.json beside `path`, a token file, or in `path`, a folder with '/' at its end.
 * Returns 1 with *out (freed by bit_sidecar_finish), 0 if there is no dataset.json.
 * Errors      BIT_ECORRUPT naming the missing or invalid part; -errno; BIT_ELIMIT
 */
int bit_sidecar_read(const char *path, struct bit_sidecar *out);
/** The same, but only if dataset.json is the file `shown` (NULL: any file): another file is not read (BIT_EAUTH), and
 * if `shown` is no file (inode 0) nothing is read. */
int bit_sidecar_read_shown(const char *path, const struct bit_file_id *shown, struct bit_sidecar *out);
/** The path of dataset.json for a token file. Errors: -ENAMETOOLONG. */
int bit_sidecar_path(const char *path, char *out, size_t room);
/** Whether both token files share one dataset.json. */
bool bit_sidecar_is_shared(const char *a, const char *b);
/** As bit_sidecar_read, for bytes in memory; `path` is for error messages. Returns 0. Errors: as bit_sidecar_read. */
int bit_sidecar_parse(const char *text, size_t bytes, const char *path, struct bit_sidecar *out);
void bit_sidecar_finish(struct bit_sidecar *s);
/** The entry of a token file by its path, or NULL. */
const struct bit_sidecar_file *bit_sidecar_find(const struct bit_sidecar *s, const char *path);
/** Average bytes of text per token in the folder; end-of-text tokens count as tokens. 0: not known. */
double bit_sidecar_bytes_per_token(const struct bit_sidecar *s);

/** The same over several token files, weighted by their tokens. 0 unless known for all. shown: of each dataset.json, or
 * NULL. */
double bit_sidecar_bytes_per_token_of(char *const *path, size_t count, const struct bit_file_id *shown);

struct bit_sidecar_missing {
    size_t folders;
    const char *first; /* a token file in the first of them; borrowed from the spec */
};

/* The state of checking a spec's token files one after the other. Start from {.spec = spec}. */
struct bit_sidecar_check {
    const Bit__RunSpec *spec;
    char sha256[65], first[256];        /* of the last file with a dataset.json: its tokenizer, its path */
    struct bit_sidecar_missing missing; /* folders without dataset.json */
};
/**
 * Check a token file by its dataset.json: ids of data.dtype, the same tokenizer as in the other files, its ids below
 * model.vocab, and data.tokenizer, if set, equal to its name or digest. Files of one folder share a dataset.json, so it
 * is enough to check one of them (bit_sidecar_is_shared).
 * shown: of the file's dataset.json, as in bit_sidecar_read_shown; or NULL
 * Errors      BIT_EDATA naming the file; as bit_sidecar_read
 */
int bit_sidecar_check_file(struct bit_sidecar_check *c, const char *path, const struct bit_file_id *shown);

#endif
