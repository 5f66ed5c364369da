/* Properties of characters that a split pattern names, and case folding: Unicode 16.0, with the names and the meaning
 * that Oniguruma 6.9.10 gives them. */
#ifndef BIT_CTL_PROPERTY_H
#define BIT_CTL_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/codeset.h"

#define BIT_PROPERTY_NAME_MAX 64

/**
 * Add the characters of \p{name} to *out: a general category ("L", "Lu", "Letter"), a script ("Han", "Hira"), or one of
 * Any, Assigned, ASCII, Alphabetic, Uppercase, Lowercase, White_Space. Case, spaces, '-' and '_' do not count.
 * BIT_EDATA if there is none of that name; -ENOMEM.
 */
int bit_property(const char *name, size_t bytes, struct bit_codeset *out);

/** Add the characters of [[:name:]] to *out; names are in lower case. BIT_EDATA; -ENOMEM. */
int bit_property_posix(const char *name, size_t bytes, struct bit_codeset *out);

/** What \w is outside of brackets, and what \b looks at: [[:word:]] and six more signs of Latin-1 that the engine takes
 * in (superscript digits and fractions). */
int bit_property_word(struct bit_codeset *out);

/** Add to *set what differs from a character of it only in case. */
int bit_property_fold(struct bit_codeset *set);

/** True if a character of set is equal, but for case, to several characters in a row, as the sharp s is. */
bool bit_property_folds_long(const struct bit_codeset *set);

/** True if the last of `count` characters are equal, but for case, to a single one, as "ss" is to the sharp s. */
bool bit_property_ends_long(const uint32_t *c, size_t count);

#endif
