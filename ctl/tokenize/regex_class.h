/* The part of the parser for what matches one character: escapes, properties, brackets. */
#ifndef BIT_CTL_REGEX_CLASS_H
#define BIT_CTL_REGEX_CLASS_H

#include "ctl/tokenize/regex_parse.h"

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
