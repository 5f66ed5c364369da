/* The output of the parser: a pattern for PCRE2 (bit_regex_parse.code), and the sets of characters that it refers to.
 * Each function fails with -ENOMEM. */
#ifndef BIT_CTL_REGEX_PUT_H
#define BIT_CTL_REGEX_PUT_H

#include "ctl/tokenize/regex_parse.h"

/** Put PCRE2's own syntax, in ASCII. */
int bit_regex_put(struct bit_regex_parse *p, const char *text);
/** Put "(?:" before the output that begins at `from`, and ")" after it. */
int bit_regex_wrap(struct bit_regex_parse *p, size_t from);
/** Put one character of the set. Takes ownership of what is in the set, and leaves it empty. Refused above
 * BIT_REGEX_SETS_MAX different sets. */
int bit_regex_put_set(struct bit_regex_parse *p, struct bit_codeset *set);
/** The same for the set of this character alone. */
int bit_regex_put_char(struct bit_regex_parse *p, uint32_t c);

#endif
