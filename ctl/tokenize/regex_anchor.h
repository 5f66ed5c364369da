/* Anchors: the parts of a pattern that match a position between characters. */
#ifndef BIT_CTL_REGEX_ANCHOR_H
#define BIT_CTL_REGEX_ANCHOR_H

#include "ctl/tokenize/regex_parse.h"

/** ^: at the beginning of a line; the end of the text is never one. */
int bit_regex_put_line_begin(struct bit_regex_parse *p);
/** $: at the end of the text, or before a line break. */
int bit_regex_put_line_end(struct bit_regex_parse *p);
/**
 * Put the anchor that an escape with this letter stands for: \A \z \Z \G \K \b \B. Nothing is read.
 * Returns     1, or 0 if it is not one of these
 */
int bit_regex_put_position(struct bit_regex_parse *p, uint8_t letter);

#endif
