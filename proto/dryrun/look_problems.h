/* What the looks at a specification's files find wrong, and whether to go on. */
#ifndef BIT_PROTO_LOOK_PROBLEMS_H
#define BIT_PROTO_LOOK_PROBLEMS_H

#include <stdbool.h>

#include "proto/text/problems.h"

struct bit_look_problems {
    struct bit_problems *problems;
    int known; /* when the look began */
    int err;   /* of the first problem, or BIT_EAUTH or -ENOMEM, which end the look */
};

void bit_look_problems_init(struct bit_look_problems *l, struct bit_problems *problems);
/** Add the failure `err`, with its text, as a problem of the field. */
void bit_look_problems_note(struct bit_look_problems *l, const char *field, int err);
bool bit_look_problems_is_over(const struct bit_look_problems *l);
/** 0, or what the look returns; what: "token files". */
int bit_look_problems_result(const struct bit_look_problems *l, const char *what);

#endif
