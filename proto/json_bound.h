/* JSON from outside, bounded before it is parsed: a parser may be made to allocate far more than a text has bytes. */
#ifndef BIT_PROTO_JSON_BOUND_H
#define BIT_PROTO_JSON_BOUND_H

#include <jansson.h>
#include <stddef.h>

/**
 * Parse an object. Outside of strings, brackets nest `depth` deep at most, and there are at most `tokens` of them, of
 * commas and of colons together; no key stands twice in an object. `what` is for the error's text, at is what a
 * position in it is counted from. *out is the caller's (json_decref), and untouched on failure.
 * Errors      BIT_ECORRUPT, with the position; BIT_ELIMIT; -ENOMEM
 */
int bit_json_bound_parse(const char *text, size_t bytes, const char *what, int depth, size_t tokens, int at,
                         json_t **out);

#endif
