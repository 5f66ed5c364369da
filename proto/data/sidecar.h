/*
 * What `bitctl tokenize` says of the token files in a folder: dataset.json beside them. Files from elsewhere have none,
 * and then nothing is known of them but their bytes.
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
 * Read dataset.json of the folder that `path` (a token file, or the folder with '/' at its end) is in.
 * Returns 1 with *out, which bit_sidecar_finish ends; 0 where there is none.
 * Errors      BIT_ECORRUPT naming what it lacks; -errno; BIT_ELIMIT
 */
int bit_sidecar_read(const char *path, struct bit_sidecar *out);
/** The same, of that very file alone (NULL: of any): nothing is read of another (BIT_EAUTH), nor if there was none. */
int bit_sidecar_read_shown(const char *path, const struct bit_file_id *shown, struct bit_sidecar *out);
/** Its path, for a token file's. Errors: -ENAMETOOLONG. */
int bit_sidecar_path(const char *path, char *out, size_t room);
/** Both files have the same. */
bool bit_sidecar_is_shared(const char *a, const char *b);
/** The same of bytes that are in memory; `path` is for what is said of them. Returns 0. Errors: as before. */
int bit_sidecar_parse(const char *text, size_t bytes, const char *path, struct bit_sidecar *out);
void bit_sidecar_finish(struct bit_sidecar *s);
/** The entry of a token file by its path, or NULL. */
const struct bit_sidecar_file *bit_sidecar_find(const struct bit_sidecar *s, const char *path);
/** Bytes of text that a token stands for, on average over the folder; end-of-text tokens count. 0: not known. */
double bit_sidecar_bytes_per_token(const struct bit_sidecar *s);

/** The same over several token files, each weighed by its tokens. 0 unless it is known of all. shown: of each, or NULL.
 */
double bit_sidecar_bytes_per_token_of(char *const *path, size_t count, const struct bit_file_id *shown);

struct bit_sidecar_missing {
    size_t folders;
    const char *first; /* a token file in the first of them; borrowed from the spec */
};

/* Of a spec's token files, one after the other. Start from {.spec = spec}. */
struct bit_sidecar_check {
    const Bit__RunSpec *spec;
    char sha256[65], first[256];        /* of the first file that says */
    struct bit_sidecar_missing missing; /* the files without dataset.json, of which nothing is known */
};
/**
 * Hold a token file against what is written beside it: ids of data.dtype, one tokenizer throughout, its ids below
 * model.vocab, and data.tokenizer, where it is set, its name or digest. Files in a folder share what is written there,
 * and one of them is enough (bit_sidecar_is_shared).
 * shown: of the file's sidecar, as bit_sidecar_read_shown has it; or NULL
 * Errors      BIT_EDATA naming the file; as bit_sidecar_read
 */
int bit_sidecar_check_file(struct bit_sidecar_check *c, const char *path, const struct bit_file_id *shown);

#endif
