/*
 * How much of bitd one user may hold, so that nobody is kept out by another: connections, waits and streams, and
 * answers that are not read. What is too much is refused with an answer that names the limit.
 *
 * bitd's own user, root and administrators have connections of their own, which no number of other users takes up, and
 * are not limited in waits and streams; and none of them takes up all of these.
 */
#ifndef BIT_DAEMON_QUOTA_H
#define BIT_DAEMON_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

struct bit_client;

/** One more connection, which is among the server's clients already. *leaver is who says nothing and could make room
 * for it, or NULL. Errors: BIT_EBUSY without one. */
int bit_quota_connect(struct bit_client *c, struct bit_client **leaver);
/** One more request. Errors: BIT_EBUSY: too much of what its user asked for is not read. */
int bit_quota_ask(const struct bit_client *c);
/** One more wait, or stream. Errors: BIT_EBUSY. */
int bit_quota_wait(const struct bit_client *c);
int bit_quota_stream(const struct bit_client *c);
/** Whether more of a stream may be queued for it. A stream whose queue is short always may: it goes on, if slowly. */
bool bit_quota_has_room(const struct bit_client *c);

#endif
