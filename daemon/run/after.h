/* The runs that a run waits for before it begins, as its first record lists them: "r7", or "ok:r7". Pure. */
#ifndef BIT_DAEMON_AFTER_H
#define BIT_DAEMON_AFTER_H

#include <stdbool.h>
#include <stddef.h>

#define BIT_AFTER_OK "ok:" /* prefix of a run that must complete; without it any end will do */

struct bit_after {
    char **item; /* owned */
    size_t count;
};

/** Replace the list by a copy of these. Errors: -ENOMEM. */
int bit_after_set(struct bit_after *a, char *const *item, size_t count);
void bit_after_finish(struct bit_after *a);
/** The run of an item, without its "ok:". *completes: whether it had one. */
const char *bit_after_which(const char *item, bool *completes);

#endif
