/*
 * The syntax of a split pattern: Oniguruma's in its Ruby flavour, as Hugging Face's tokenizers uses it, to a program
 * for PCRE2 over sets of characters.
 *
 * What means the same in both engines, or can be said in PCRE2, is translated; the rest is refused with its reason and
 * offset: backreferences, calls, conditions, absent groups, callouts, \X \y \Y, octal and control escapes, (?x),
 * comments, repeats of what can match nothing, properties that property.h does not name, and, under (?i), characters
 * whose other case is several characters. A pattern that Oniguruma itself refuses may be taken.
 *
 * Two halves share this header: regex_parse.c (groups, repeats, anchors), regex_class.c (what matches one character).
 * Beside them only regex.c includes it.
 */
#ifndef BIT_CTL_REGEX_PARSE_H
#define BIT_CTL_REGEX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/codeset.h"

#define BIT_REGEX_BYTES_MAX (1u << 16)
#define BIT_REGEX_SETS_MAX  1024
#define BIT_REGEX_DEPTH_MAX 64 /* of groups and brackets in one another */

struct bit_regex_parse {
    /* What comes out: ASCII that PCRE2 reads, and 256 + i where a character of sets[i] must stand. */
    uint16_t *code;
    size_t code_count, code_room;
    struct bit_codeset *sets; /* all different */
    size_t set_count, set_room;

    /* While it runs. */
    const uint8_t *begin, *at, *end;
    bool any_case;        /* (?i) */
    bool dot_all;         /* (?m): . matches a line break too */
    int depth;            /* of groups and brackets */
    int looks;            /* of lookarounds */
    uint32_t in_a_row[3]; /* literals under (?i), the last of them last */
    size_t in_a_row_count;
};

/**
 * Translate a pattern (UTF-8; what is not is refused).
 * Errors      BIT_EDATA with the reason and the offset; BIT_ELIMIT; -ENOMEM
 */
int bit_regex_parse(struct bit_regex_parse *p, const char *pattern, size_t bytes);
/** Likewise a text that stands for itself. */
int bit_regex_parse_literal(struct bit_regex_parse *p, const char *text, size_t bytes);
void bit_regex_parse_finish(struct bit_regex_parse *p);

/* ---- between the halves */

/** Fail with BIT_EDATA and the offset of p->at. */
int bit_regex_refuse(const struct bit_regex_parse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** The next character, read over. Refused at the end of the pattern, and where it is no UTF-8. */
int bit_regex_take(struct bit_regex_parse *p, uint32_t *c);
/** The next byte, 0 at the end; `ahead` looks further. */
uint8_t bit_regex_peek(const struct bit_regex_parse *p, size_t ahead);

/** At the character after a backslash: an escape that stands for one character (\n, \x41, \u00e9, \.). Returns 1 if it
 * was one, 0 if it is something else and nothing is read. */
int bit_regex_take_escape(struct bit_regex_parse *p, uint32_t *c);
/** Likewise one that stands for a set: \d \s \w \h \p{..} and their opposites. 1 or 0. */
int bit_regex_take_set(struct bit_regex_parse *p, bool in_brackets, struct bit_codeset *out);
/** At the '[' of a bracketed class. */
int bit_regex_take_brackets(struct bit_regex_parse *p, struct bit_codeset *out);

#endif
