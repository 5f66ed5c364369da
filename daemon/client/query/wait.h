/* Waits of clients for a run: when a wait is over, and its answer. */
#ifndef BIT_DAEMON_WAIT_H
#define BIT_DAEMON_WAIT_H

#include "daemon/client/connection/client.h"

/** A WaitRequest. */
void bit_wait_requested(struct bit_client *c, const Bit__WaitRequest *m);
/** Begin a wait, which is answered at once if it is over already. */
void bit_wait_begin(struct bit_client *c, const struct bit_wait *wait);
/** Answer with the present state, without waiting. */
void bit_wait_answer(struct bit_client *c, const struct bit_wait *w);
/** Check a client's wait, and answer it if it is over. */
void bit_wait_look(struct bit_client *c);

#endif
