/*
 * Translates a split pattern to a program for PCRE2 over sets of characters. The syntax is Oniguruma's in its Ruby
 * flavour, as Hugging Face's tokenizers uses it.
 *
 * What means the same in both engines, or can be expressed in PCRE2, is translated. The rest is refused with its
 * reason and offset: backreferences, calls, conditions, absent groups, callouts, \X \y \Y, octal and control escapes,
 * (?x), comments, repeats of what can match nothing, properties that property.h does not name, and, under (?i),
 * characters whose case folding is several characters. A pattern that Oniguruma itself refuses may be accepted.
 *
 * regex_parse.c reads groups, repeats and sequences, regex_class.c what matches one character, and regex_anchor.c what
 * matches a position; regex_read.c and regex_put.c read and write. Besides them only regex.c includes this header.
 */
#ifndef BIT_CTL_REGEX_PARSE_H
#define BIT_CTL_REGEX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/codeset.h"

#define BIT_REGEX_BYTES_MAX  (1u << 16)
#define BIT_REGEX_SETS_MAX   1024
#define BIT_REGEX_DEPTH_MAX  64 /* nesting depth of groups and brackets */
#define BIT_REGEX_LINE_BREAK '\n'

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

#endif
