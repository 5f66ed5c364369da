/*
 * Shared by the two halves that read a tokenizer.json: tokenizer_json.c (file, normaliser, pre-tokenizer) and
 * tokenizer_vocab.c (model, added tokens). No other file includes this.
 */
#ifndef BIT_CTL_TOKENIZER_JSON_H
#define BIT_CTL_TOKENIZER_JSON_H

#include <jansson.h>

#include "ctl/tokenize/tokenizer.h"

#define BIT_TOKENIZER_PATH_MAX 128 /* "pre_tokenizer.pretokenizers[12].pattern" */

struct bit_tokenizer_loader {
    const char *name; /* of the file, for errors */
    struct bit_tokenizer *t;
    const json_t *vocab;  /* text of a token -> id */
    int16_t byte_of[512]; /* the byte that a character of the byte-level alphabet stands for, -1 for none */
    bool byte_level;      /* the pre-tokenizer has a ByteLevel */
};

/** Fail with BIT_EDATA, naming the file and the JSON path. */
int bit_tokenizer_refuse(const struct bit_tokenizer_loader *l, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Whether the key is missing or null. */
bool bit_tokenizer_is_absent(const json_t *value);
/** The type of a component, "" if it has none. */
const char *bit_tokenizer_type(const json_t *component);
/** object[key], or `fallback` if it is missing; a value that is not a boolean is refused as "path.key". */
int bit_tokenizer_get_bool(const struct bit_tokenizer_loader *l, const json_t *object, const char *path,
                           const char *key, bool fallback, bool *out);

/** Fill l->vocab and l->t's tokens and merges; memory for the added tokens is allocated too. Load those after it. */
int bit_tokenizer_load_model(struct bit_tokenizer_loader *l, const json_t *model, const json_t *added);
int bit_tokenizer_load_added(struct bit_tokenizer_loader *l, const json_t *added);

#endif
