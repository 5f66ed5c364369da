/* Streams to a client: journal records, or the text of a log; what is there, and what comes while it follows. */
#ifndef BIT_DAEMON_STREAM_H
#define BIT_DAEMON_STREAM_H

#include "daemon/client/connection/client.h"

struct bit_stream;

/**
 * An EventsRequest: send the events after `after`, without steps unless asked for; with follow go on until the run has
 * ended. The request ends with an EndReply.
 */
void bit_stream_events(struct bit_client *c, const Bit__EventsRequest *m);
/** The log of one attempt (the newest if it has none), its last lines or all; with follow also of later attempts. */
void bit_stream_log(struct bit_client *c, const Bit__LogRequest *m);

/** Send what there is, as long as the client takes it. */
void bit_stream_pump(struct bit_stream *t);
struct bit_runner *bit_stream_runner(const struct bit_stream *t);
/** NULL is fine. */
void bit_stream_destroy(struct bit_stream *t);

#endif
