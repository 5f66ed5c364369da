/* `bitctl tag`: words and a note for a run, whatever its state. */
#ifndef BIT_DAEMON_TAG_H
#define BIT_DAEMON_TAG_H

#include "daemon/client/connection/client.h"

void bit_tag_asked(struct bit_client *c, const Bit__TagRequest *m);

#endif
