/* When a client's wait is over, and what it is then told. */
#ifndef BIT_DAEMON_WAIT_H
#define BIT_DAEMON_WAIT_H

#include "daemon/client/client.h"

enum bit_wait_result {
    BIT_WAIT_NOT_YET,
    BIT_WAIT_HOLDS,
    BIT_WAIT_NEVER, /* the run has gone another way */
};

/** Pure but for reading the runner. What the disk has not taken yet has not happened. */
enum bit_wait_result bit_wait_check(const struct bit_wait *wait);
/** Look at a client's wait, and answer it if it is over. */
void bit_wait_look(struct bit_client *c);

#endif
