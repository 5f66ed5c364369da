/*
 * A tokenizer from a Hugging Face tokenizer.json: text to ids and back, equal to the `tokenizers` package id for id.
 *
 * Supported: byte-level BPE models. normalizer null, NFC, or a Sequence of those; pre_tokenizer ByteLevel, Split by a
 * string or a pattern (Isolated or Removed), Digits, or a Sequence of those with a ByteLevel in it; added tokens with
 * lstrip, rstrip, normalized, special. Everything else in the file that would change an id is refused with its JSON
 * path ("pre_tokenizer.pretokenizers[1].type"). So is any part of a pattern that cannot be matched as Oniguruma
 * matches it (regex_parse.h). Characters are those of the Unicode versions that tokenizers 0.23.3 has (unicode.h);
 * 0.21.4 differs in 13 of them, and only in the pre-tokenizer Digits. The post_processor is not applied: it adds
 * tokens around a text, and here the caller does that with the end-of-text token.
 */
#ifndef BIT_CTL_TOKENIZER_H
#define BIT_CTL_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/added_tokens.h"
#include "ctl/tokenize/bpe.h"
#include "ctl/tokenize/pretokenize.h"

#define BIT_TOKENIZER_BYTES_MAX (256u << 20) /* of a tokenizer.json */

struct bit_tokenizer {
    char *name;         /* file name without folder and ".json" */
    char digest[65];    /* SHA-256 of the file, in hex */
    struct bit_bpe bpe; /* .token_count: one above the highest id */
    bool nfc;
    struct bit_added_tokens raw, normalized; /* cut out before, after the normaliser */
    struct bit_pretokenizer pretokenizer;
    uint8_t *text; /* the bytes of all tokens; bpe.tokens points into it */
    size_t text_bytes, text_room;
};

/**
 * Load a tokenizer.json. *out is the caller's (bit_tokenizer_destroy).
 * Errors      BIT_EDATA naming file and JSON path for what is not supported or contradicts itself; BIT_ELIMIT; -errno
 *             of reading
 */
int bit_tokenizer_load(const char *path, struct bit_tokenizer **out);
/** The same from memory; `name` is used in error messages and becomes the tokenizer's name. */
int bit_tokenizer_parse(const char *name, const char *json, size_t bytes, struct bit_tokenizer **out);
void bit_tokenizer_destroy(struct bit_tokenizer *tokenizer);

/** The id of a token by its text ("<|endoftext|>"), BIT_BPE_NONE if there is none. Searches linearly. */
uint32_t bit_tokenizer_find(const struct bit_tokenizer *tokenizer, const char *text, size_t bytes);

/* One thread's memory for encoding with one tokenizer; a tokenizer is shared by all threads. */
struct bit_encoder;
int bit_encoder_create(const struct bit_tokenizer *tokenizer, struct bit_encoder **out);
void bit_encoder_destroy(struct bit_encoder *encoder);

/**
 * Append the ids of text (valid UTF-8) to out. No token is added at either end. Equal to `Tokenizer.encode(text,
 * add_special_tokens=False).ids` of tokenizers 0.23. -ENOMEM; BIT_EDATA if PCRE2 gives up on a pattern.
 */
int bit_encoder_encode(struct bit_encoder *encoder, const uint8_t *text, size_t bytes, struct bit_ids *out);

/**
 * The bytes that ids stand for, special tokens included. *text is heap, the caller's, NUL-terminated; it may not be
 * UTF-8 if ids are cut inside a character. BIT_EDATA naming the first id that is not a token; -ENOMEM.
 */
int bit_tokenizer_decode(const struct bit_tokenizer *tokenizer, const uint32_t *ids, size_t count, char **text,
                         size_t *bytes);

#endif
