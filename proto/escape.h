/* Escapes texts from outside, so that they are safe in a terminal, a log line or a JSON file. */
#ifndef BIT_PROTO_ESCAPE_H
#define BIT_PROTO_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * True for characters that control a terminal or the direction of text: C0, DEL, C1, the line and paragraph
 * separators, and the marks, embeddings, overrides and isolates of bidirectional text.
 * Source      Unicode 16, UAX #9 (2.4 and 2.6), UAX #14 (BK); ECMA-48
 */
bool bit_escape_needed(uint32_t code);

/** Bytes of the longest output for one code point, or for one byte that is not UTF-8: "\u202e". */
#define BIT_ESCAPE_MAX 6
/**
 * Write the code point at the start of `text`, which has `bytes` > 0 left: unchanged, or, if bit_escape_needed, as an
 * escape: \n \t \r, \x1b for the rest of C0 and DEL, \u202e above. A byte that is not UTF-8 becomes \xff. *used is the
 * number of bytes taken from `text`. Returns the bytes written, without a NUL.
 */
size_t bit_escape_next(const char *text, size_t bytes, char out[BIT_ESCAPE_MAX], size_t *used);

/** Print a whole text; newlines are escaped too. */
void bit_escape_print(FILE *f, const char *text);

#endif
