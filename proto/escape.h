/* Texts from outside, made harmless for a terminal, a log line or a file of JSON. */
#ifndef BIT_PROTO_ESCAPE_H
#define BIT_PROTO_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * True for what acts on a terminal or on the order of a line instead of being shown: C0, DEL, C1, the line and
 * paragraph separators, and the marks, embeddings, overrides and isolates of bidirectional text.
 * Source      Unicode 16, UAX #9 (2.4 and 2.6), UAX #14 (BK); ECMA-48
 */
bool bit_escape_needed(uint32_t code);

/** The longest that one code point, or one byte that belongs to none, becomes: "\u202e". */
#define BIT_ESCAPE_MAX 6
/**
 * Write the code point at the start of `text`, which has `bytes` > 0 left, as it may be shown: itself, or if it is
 * needed an escape: \n \t \r, \x1b for the rest of C0 and DEL, \u202e above. A byte that belongs to no code point is
 * \xff. *used is what was taken from `text`; returns the bytes written, without a NUL.
 */
size_t bit_escape_next(const char *text, size_t bytes, char out[BIT_ESCAPE_MAX], size_t *used);

/** A whole text, in which newlines are escaped as well. */
void bit_escape_print(FILE *f, const char *text);

#endif
