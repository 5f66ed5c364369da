/*
 * The character properties that split patterns can name, and case folding: Unicode 16.0, with the names and meanings
 * that Oniguruma 6.9.10 gives them.
 */
#ifndef BIT_CTL_PROPERTY_H
#define BIT_CTL_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/codeset.h"

#define BIT_PROPERTY_NAME_MAX 64

/**
 * Add the characters of \p{name} to *out: a general category ("L", "Lu", "Letter"), a script ("Han", "Hira"), or one
 * of Any, Assigned, ASCII, Alphabetic, Uppercase, Lowercase, White_Space. Case, spaces, '-' and '_' in the name are
 * ignored. BIT_EDATA if there is no such property; -ENOMEM.
 */
int bit_property(const char *name, size_t bytes, struct bit_codeset *out);

/** Add the characters of [[:name:]] to *out; names are in lower case. BIT_EDATA; -ENOMEM. */
int bit_property_posix(const char *name, size_t bytes, struct bit_codeset *out);

/**
 * Add what \w matches outside of brackets, and what \b takes for a word's character: [[:word:]] and six more
 * characters of Latin-1 that Oniguruma includes (superscript digits and fractions).
 */
int bit_property_word(struct bit_codeset *out);

/** Add to *set every character that differs from one of its members only in case. */
int bit_property_fold(struct bit_codeset *set);

/** Whether some character of set equals, when case is ignored, a sequence of several characters, as the sharp s
 * does. */
bool bit_property_folds_long(const struct bit_codeset *set);

/** Whether the last of `count` characters equal, when case is ignored, a single one, as "ss" equals the sharp s. */
bool bit_property_ends_long(const uint32_t *c, size_t count);

#endif
