/* A refusal that names every problem: made by bitd, and by bitctl of what it finds itself. */
#ifndef BIT_PROTO_REFUSAL_H
#define BIT_PROTO_REFUSAL_H

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "proto/text/problems.h"

struct bit_refusal {
    Bit__ErrorReply m; /* borrows from the rest and from the problems */
    Bit__Problem item[BIT_PROBLEMS_MAX], *list[BIT_PROBLEMS_MAX];
    char text[BIT_ERR_TEXT_MAX];
};

/** err decides name and exit code. A single problem that is not one of the specification's own is the text itself. */
void bit_refusal_make(struct bit_refusal *out, int err, const struct bit_problems *problems);

#endif
