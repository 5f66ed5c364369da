/* Streams to a client: the records of a journal, or the text of a log, optionally following what is added. */
#ifndef BIT_DAEMON_STREAM_H
#define BIT_DAEMON_STREAM_H

#include "daemon/client/connection/client.h"

struct bit_stream;

/**
 * An EventsRequest: send the events after `after`, without plain steps unless asked for; with follow, continue until
 * the run has ended. The request ends with an EndReply.
 */
void bit_stream_events(struct bit_client *c, const Bit__EventsRequest *m);
/** A LogRequest: the log of one attempt (by default the newest), all or its last lines; with follow, also later
 * logs. */
void bit_stream_log(struct bit_client *c, const Bit__LogRequest *m);

/** Send what is available, as long as the client's queue has room. */
void bit_stream_pump(struct bit_stream *t);
struct bit_runner *bit_stream_runner(const struct bit_stream *t);
/** NULL is fine. */
void bit_stream_destroy(struct bit_stream *t);

#endif
