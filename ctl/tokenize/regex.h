/*
 * Split patterns, matched as Oniguruma matches them.
 *
 * A pattern distinguishes characters only by the sets that it names. All characters that are in the same sets are of
 * one kind; there are at most 256 kinds. A text is translated into its kinds, one byte for each character, and PCRE2
 * matches these bytes with a pattern in which each set is a class of bytes. PCRE2 thus never sees a character: its own
 * Unicode tables are not used, and a class costs one look-up in a bitmap.
 */
#ifndef BIT_CTL_REGEX_H
#define BIT_CTL_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read-only after creation, and shared by all threads. */
struct bit_regex;

/**
 * Compile a pattern, or a literal text. BIT_EDATA with the reason and the offset for what regex_parse.h refuses;
 * BIT_ELIMIT; -ENOMEM.
 */
int bit_regex_create(const char *pattern, size_t bytes, bool literal, struct bit_regex **out);
void bit_regex_destroy(struct bit_regex *regex);

/* One thread's memory for searching one text. A zeroed struct is ready for use. */
struct bit_regex_search {
    const struct bit_regex *regex;
    void *match;    /* pcre2_match_data */
    uint8_t *kinds; /* of the text's characters */
    size_t room, count, at;
    size_t last; /* where the match before ended; SIZE_MAX: there was none */
};

/** Begin to search text (valid UTF-8, not kept). -ENOMEM. */
int bit_regex_begin(struct bit_regex_search *search, const struct bit_regex *regex, const uint8_t *text, size_t bytes);

/**
 * The next match, in characters. An empty match counts too, except where the match before it ended: this is how the
 * iterator of the Rust crate `onig` works. Returns 1; 0 if there is none; BIT_EDATA if PCRE2 gives up; -ENOMEM.
 */
int bit_regex_next(struct bit_regex_search *search, size_t *begin, size_t *end);
void bit_regex_search_finish(struct bit_regex_search *search);

#endif
