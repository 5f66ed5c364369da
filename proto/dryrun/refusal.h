/* An ErrorReply with all problems, made by bitd, and by bitctl for problems that it finds itself. */
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

/** err determines name and exit code. With one problem, and err other than BIT_ESPEC, text is that problem's text. */
void bit_refusal_make(struct bit_refusal *out, int err, const struct bit_problems *problems);

#endif
