/*
 * Translates a split pattern to a program for PCRE2 over sets of characters. The syntax is Oniguruma's in its Ruby
 * flavour, as Hugging Face's tokenizers uses it.
 *
 * What means the same in both engines, or can be expressed in PCRE2, is translated. The rest is refused with its
 * reason and offset: backreferences, calls, conditions, absent groups, callouts, \X \y \Y, octal and control escapes,
 * (?x), comments, repeats of what can match nothing, properties that property.h does not name, and, under (?i),
 * characters whose case folding is several characters. A pattern that Oniguruma itself refuses may be accepted.
 *
 * The code has two halves: regex_parse.c (groups, repeats, anchors) and regex_class.c (what matches one character).
 * Besides them only regex.c includes this header.
 */
#ifndef BIT_CTL_REGEX_PARSE_H
#define BIT_CTL_REGEX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/codeset.h"

#define BIT_REGEX_BYTES_MAX (1u << 16)
#define BIT_REGEX_SETS_MAX  1024
#define BIT_REGEX_DEPTH_MAX 64 /* nesting depth of groups and brackets */

struct bit_regex_parse {
    /* The output: ASCII for PCRE2, and 256 + i where a character of sets[i] must match. */
    uint16_t *code;
    size_t code_count, code_room;
    struct bit_codeset *sets; /* no two equal */
    size_t set_count, set_room;

    /* State while parsing. */
    const uint8_t *begin, *at, *end;
    bool any_case;        /* (?i) */
    bool dot_all;         /* (?m): . also matches a line break */
    int depth;            /* of nested groups and brackets */
    int looks;            /* of nested lookarounds */
    uint32_t in_a_row[3]; /* the last consecutive literals under (?i), oldest first */
    size_t in_a_row_count;
};

/**
 * Translate a pattern; invalid UTF-8 is refused.
 * Errors      BIT_EDATA with the reason and the offset; BIT_ELIMIT; -ENOMEM
 */
int bit_regex_parse(struct bit_regex_parse *p, const char *pattern, size_t bytes);
/** The same for a literal text. */
int bit_regex_parse_literal(struct bit_regex_parse *p, const char *text, size_t bytes);
void bit_regex_parse_finish(struct bit_regex_parse *p);

/* ---- shared by the two halves */

/** Fail with BIT_EDATA and the offset of p->at. */
int bit_regex_refuse(const struct bit_regex_parse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Read the next character. Refused at the end of the pattern, and if it is not UTF-8. */
int bit_regex_take(struct bit_regex_parse *p, uint32_t *c);
/** The byte at p->at + ahead, without reading it; 0 at the end. */
uint8_t bit_regex_peek(const struct bit_regex_parse *p, size_t ahead);

/**
 * At the character after a backslash: read an escape that stands for one character (\n, \x41, \u00e9, \.). Returns 1,
 * or 0 if it is something else; then nothing is read.
 */
int bit_regex_take_escape(struct bit_regex_parse *p, uint32_t *c);
/** The same for an escape that stands for a set: \d \s \w \h \p{..} and their opposites. Returns 1 or 0. */
int bit_regex_take_set(struct bit_regex_parse *p, bool in_brackets, struct bit_codeset *out);
/** At the '[' of a class in brackets. */
int bit_regex_take_brackets(struct bit_regex_parse *p, struct bit_codeset *out);

#endif
