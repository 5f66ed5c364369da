/*
 * Cuts text into the pieces that byte-pair encoding works on: the "pre_tokenizer" of a tokenizer.json.
 *
 * A pre-tokenizer is a list of steps; each cuts every piece of the step before it. The pattern of GPT-2, which
 * ByteLevel implies and GPT-NeoX and Dolma use, has its own matcher; other patterns are matched by regex.h. Both cut
 * as Hugging Face's tokenizers does, with the same Unicode versions (unicode.h).
 */
#ifndef BIT_CTL_PRETOKENIZE_H
#define BIT_CTL_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/regex.h"

#define BIT_PRETOKENIZE_STEPS_MAX 16

/* The pattern that ByteLevel uses if its use_regex is true. */
#define BIT_GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

enum bit_split_kind {
    BIT_SPLIT_GPT2,   /* BIT_GPT2_PATTERN */
    BIT_SPLIT_REGEX,  /* matches, and the text between them, are pieces */
    BIT_SPLIT_DIGITS, /* each run of digits, or each digit if single, is a piece */
    BIT_SPLIT_PREFIX, /* cuts nothing: puts a space before a piece that does not begin with one */
};

struct bit_split {
    enum bit_split_kind kind;
    bool single;             /* DIGITS */
    bool dropped;            /* REGEX: matches are not pieces (behavior "Removed") */
    bool invert;             /* REGEX: matches and the text between them change roles */
    struct bit_regex *regex; /* REGEX: owned */
};

struct bit_pretokenizer {
    struct bit_split steps[BIT_PRETOKENIZE_STEPS_MAX];
    int count;
};

/* What one thread needs to run a pre-tokenizer. */
struct bit_pretokenize_scratch {
    struct bit_regex_search search[BIT_PRETOKENIZE_STEPS_MAX]; /* one for each step */
    uint8_t *prefixed;                                         /* a piece with a space before it */
    size_t prefixed_room;
};

/** Make a step from a pattern, or from a literal text; the errors of bit_regex_create. */
int bit_split_regex(const char *pattern, size_t bytes, bool literal, struct bit_split *out);

/**
 * Call emit for each piece of text (valid UTF-8), in order; a piece is valid only during the call. Empty text has no
 * piece. Stops at the first emit that returns < 0 and returns that. BIT_EDATA if PCRE2 gives up (its match limit).
 */
int bit_pretokenize(const struct bit_pretokenizer *p, struct bit_pretokenize_scratch *scratch, const uint8_t *text,
                    size_t bytes, int (*emit)(void *arg, const uint8_t *piece, size_t bytes), void *arg);

/** The end of the GPT-2 piece that begins at s[at]. at < bytes. */
size_t bit_gpt2_end(const uint8_t *s, size_t bytes, size_t at);

void bit_pretokenizer_finish(struct bit_pretokenizer *p);
void bit_pretokenize_scratch_finish(struct bit_pretokenize_scratch *scratch);

#endif
