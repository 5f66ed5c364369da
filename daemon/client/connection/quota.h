/*
 * How much of bitd one user may hold, so that no user keeps others out: connections, waits, streams, and answers that
 * are not read. What is too much is refused with an answer that names the limit.
 *
 * A number of connections is kept for bitd's own user, root and administrators; none of these may take all of it, and
 * they are not limited in waits and streams.
 */
#ifndef BIT_DAEMON_QUOTA_H
#define BIT_DAEMON_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

struct bit_client;

/**
 * One more connection, which is in the list already. If there are too many, *leaver is an idle one to be closed for it,
 * else NULL.
 * Errors      BIT_EBUSY if there are too many and none is idle
 */
int bit_quota_connect(struct bit_client *c, struct bit_client **leaver);
/** One more request. Errors: BIT_EBUSY if its user does not read too much of what he asked for. */
int bit_quota_ask(const struct bit_client *c);
/** One more wait, or stream. Errors: BIT_EBUSY. */
int bit_quota_wait(const struct bit_client *c);
int bit_quota_stream(const struct bit_client *c);
/** Whether more of a stream may be queued for it. Always if little is queued for it: then it goes on, if slowly. */
bool bit_quota_has_room(const struct bit_client *c);

#endif
