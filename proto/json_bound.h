/* Parses JSON from outside after bounding it: otherwise a text could make the parser allocate far more than its size.
 */
#ifndef BIT_PROTO_JSON_BOUND_H
#define BIT_PROTO_JSON_BOUND_H

#include <jansson.h>
#include <stddef.h>

/**
 * Parse an object. Outside of strings, brackets may nest `depth` deep, and opening brackets, commas and colons together
 * may number at most `tokens`; no key may occur twice in an object. `what` names the text in errors, and `at` is added
 * to the position in them. *out is the caller's (json_decref), untouched on failure.
 * Errors      BIT_ECORRUPT, with the position; BIT_ELIMIT; -ENOMEM
 */
int bit_json_bound_parse(const char *text, size_t bytes, const char *what, int depth, size_t tokens, int at,
                         json_t **out);

#endif
