/* The runs whose end a run waits for before it begins, as its first record has them: "r7", or "ok:r7". Pure. */
#ifndef BIT_DAEMON_AFTER_H
#define BIT_DAEMON_AFTER_H

#include <stdbool.h>
#include <stddef.h>

#define BIT_AFTER_OK "ok:" /* before one that has to complete; one without it may end in any way */

struct bit_after {
    char **item; /* owned */
    size_t count;
};

/** Copy these, in place of those that there were. Errors: -ENOMEM. */
int bit_after_set(struct bit_after *a, char *const *item, size_t count);
void bit_after_finish(struct bit_after *a);
/** The run of an item, without its "ok:". */
const char *bit_after_which(const char *item, bool *completes);

#endif
