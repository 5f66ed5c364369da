/*
 * Retries of a request on which bitd hangs up: how many, and how long to pause before each. Pure: the caller has the
 * clock.
 */
#ifndef BIT_CTL_HANGUPS_H
#define BIT_CTL_HANGUPS_H

#include <stdint.h>

#define BIT_HANGUPS_SAME_MAX 6  /* in a row by one daemon: it would hang up every time */
#define BIT_HANGUPS_MAX      30 /* in a row by any: the request may crash each one that a service manager starts */

/* Zero at first, and again after each reply. */
struct bit_hangups {
    int32_t pid;        /* of the daemon that hung up last */
    unsigned same, row; /* hang-ups in a row without a reply: by that daemon, and by any */
};

/**
 * Note that the daemon with this pid hung up `lived_s` seconds after the request. After more than a few seconds a new
 * row begins: then the request did not cause it; bitd was restarted during a wait.
 * Returns the milliseconds to pause before the request is sent again (0 the first time), or < 0 to give up.
 */
int bit_hangups_note(struct bit_hangups *h, int32_t pid, double lived_s);

#endif
