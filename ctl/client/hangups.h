/* How often a request that bitd hangs up on is asked again, and after which pause. Pure: the caller has the clock. */
#ifndef BIT_CTL_HANGUPS_H
#define BIT_CTL_HANGUPS_H

#include <stdint.h>

#define BIT_HANGUPS_SAME_MAX 6  /* by one daemon, one after the other: it would do so for ever */
#define BIT_HANGUPS_MAX      30 /* by any: one that the request itself ends, and that a service manager starts again */

/* Zeroed, there was none; to be zeroed when a reply comes. */
struct bit_hangups {
    int32_t pid;        /* of the daemon that hung up last */
    unsigned same, row; /* hang-ups in a row without a reply: by it, and by any */
};

/**
 * Note that the daemon with this pid hung up `lived_s` seconds after the request. One that lived longer than a few
 * seconds begins a new row: bitd was restarted under a wait, and not by it.
 * Returns the milliseconds to pause before it is asked again (0 the first time), or < 0 to give up.
 */
int bit_hangups_note(struct bit_hangups *h, int32_t pid, double lived_s);

#endif
