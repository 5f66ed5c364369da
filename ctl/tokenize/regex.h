/*
 * Split patterns, matched as Oniguruma matches them.
 *
 * A pattern tells characters apart by the sets that it names, so all characters that are in the same ones are of one
 * kind; there are at most 256 kinds. A text is turned into its kinds, a byte a character, and PCRE2 runs over those a
 * pattern in which each set is a class of bytes. PCRE2 thus never meets a character: what it knows of Unicode does not
 * count, and classes cost it a look at a bitmap.
 */
#ifndef BIT_CTL_REGEX_H
#define BIT_CTL_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read-only once made, and shared by all threads. */
struct bit_regex;

/** Make one of a pattern, or of a text that stands for itself. BIT_EDATA with the reason and the offset for what
 * regex_parse.h says is refused; BIT_ELIMIT; -ENOMEM. */
int bit_regex_create(const char *pattern, size_t bytes, bool literal, struct bit_regex **out);
void bit_regex_destroy(struct bit_regex *regex);

/* One thread's memory for searching one text. Zero is a good start. */
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
 * The next match, in characters. One of nothing counts, too, but not where the match before it ended: so goes the
 * iterator of the Rust crate `onig`. Returns 1; 0 if there is none; BIT_EDATA when PCRE2 gives up; -ENOMEM.
 */
int bit_regex_next(struct bit_regex_search *search, size_t *begin, size_t *end);
void bit_regex_search_finish(struct bit_regex_search *search);

#endif
