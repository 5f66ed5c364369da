/*
 * Limits for each user, so that no user keeps others out: connections, waits, streams, and unread answers. Beyond a
 * limit requests are refused with an answer that names it.
 *
 * Connections are reserved for bitd's own user, root and administrators. None of these may take all of them; their
 * waits and streams are not limited.
 */
#ifndef BIT_DAEMON_QUOTA_H
#define BIT_DAEMON_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

struct bit_client;

/**
 * Check a new connection, which is in the list already. If there are too many, *leaver is an idle one for the caller to
 * close, else NULL.
 * Errors      BIT_EBUSY if there are too many and none is idle
 */
int bit_quota_connect(struct bit_client *c, struct bit_client **leaver);
/** Check a new request. Errors: BIT_EBUSY if its user's clients leave too many bytes of answers unread. */
int bit_quota_ask(const struct bit_client *c);
/** Check a new wait, or stream. Errors: BIT_EBUSY. */
int bit_quota_wait(const struct bit_client *c);
int bit_quota_stream(const struct bit_client *c);
/** Whether more of a stream may be queued for it. Always true if little is queued, so that every stream makes
 * progress. */
bool bit_quota_has_room(const struct bit_client *c);

#endif
