/* Chooses the metrics format by an Accept header. Pure. */
#ifndef BIT_DAEMON_ACCEPT_H
#define BIT_DAEMON_ACCEPT_H

#include <stdbool.h>

/**
 * Whether OpenMetrics 1.0 is asked for: named, with version 1.0.0 or none, and with a quality no lower than
 * text/plain's. Anything else, including no header (NULL) or a malformed one, means the text format 0.0.4.
 */
bool bit_accept_openmetrics(const char *header);

#endif
