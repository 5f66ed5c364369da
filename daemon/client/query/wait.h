/* What a client waits for, when its wait is over, and what it is then told. */
#ifndef BIT_DAEMON_WAIT_H
#define BIT_DAEMON_WAIT_H

#include "daemon/client/connection/client.h"

/** A WaitRequest. */
void bit_wait_requested(struct bit_client *c, const Bit__WaitRequest *m);
/** Wait; answered at once if it holds already. */
void bit_wait_begin(struct bit_client *c, const struct bit_wait *wait);
/** Answer without waiting: what is so now. */
void bit_wait_answer(struct bit_client *c, const struct bit_wait *w);
/** Look at a client's wait, and answer it if it is over. */
void bit_wait_look(struct bit_client *c);

#endif
