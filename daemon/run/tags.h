/* The tags and the note that users give a run. Pure. */
#ifndef BIT_DAEMON_TAGS_H
#define BIT_DAEMON_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"

struct bit_tags {
    char **item; /* in the order given; owned */
    size_t count;
    char *note; /* NULL: none; owned */
};

void bit_tags_finish(struct bit_tags *t);
bool bit_tags_have(const struct bit_tags *t, const char *tag);
/** Whether the request's tags are well formed and there is room for them. Errors: BIT_EUSAGE with the reason. */
int bit_tags_check(const struct bit_tags *t, const Bit__TagRequest *m);
/** Errors: -ENOMEM. */
int bit_tags_apply(struct bit_tags *t, const Bit__RunTagged *m);

#endif
