/* Reading of the pattern, character by character. */
#ifndef BIT_CTL_REGEX_READ_H
#define BIT_CTL_REGEX_READ_H

#include "ctl/tokenize/regex_parse.h"

/** Fail with BIT_EDATA and the offset of p->at. */
int bit_regex_refuse(const struct bit_regex_parse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Read the next character. Refused at the end of the pattern, and if it is not UTF-8. */
int bit_regex_take(struct bit_regex_parse *p, uint32_t *c);
/** The byte at p->at + ahead, without reading it; 0 at the end. */
uint8_t bit_regex_peek(const struct bit_regex_parse *p, size_t ahead);

#endif
