/* Read-only requests that are answered at once. */
#ifndef BIT_DAEMON_QUERY_H
#define BIT_DAEMON_QUERY_H

#include "daemon/client/connection/client.h"

void bit_query_status(struct bit_client *c, const Bit__StatusRequest *m);
/** As many of the newest runs as one answer holds, oldest first. */
void bit_query_list(struct bit_client *c, const Bit__ListRequest *m);
void bit_query_checkpoints(struct bit_client *c, const Bit__CheckpointListRequest *m);
void bit_query_version(struct bit_client *c, const Bit__VersionRequest *m);

#endif
