/* What an Accept header asks for. Pure. */
#ifndef BIT_DAEMON_ACCEPT_H
#define BIT_DAEMON_ACCEPT_H

#include <stdbool.h>

/**
 * Whether OpenMetrics 1.0 is asked for: named, with a version of 1.0.0 or none, and liked no less than text/plain.
 * Everything else, no header and what cannot be read included, means the text format 0.0.4. NULL is fine.
 */
bool bit_accept_openmetrics(const char *header);

#endif
