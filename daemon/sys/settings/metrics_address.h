/* Where GET /metrics is answered: parses the setting `metrics`. Host names other than localhost are refused, because
 * a name server would decide where bitd listens. */
#ifndef BIT_DAEMON_METRICS_ADDRESS_H
#define BIT_DAEMON_METRICS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct bit_metrics_address {
    bool is_path; /* the path of a Unix socket, which begins with a slash; else: */
    bool loopback;
    struct sockaddr_storage address;
    socklen_t bytes;
};

/**
 * "/run/bitd/metrics.sock", "9105" (127.0.0.1's), "localhost:9105", "[::1]:9105", "192.0.2.7:9105", "*:9105".
 * Errors      BIT_EUSAGE saying what is wrong with it
 */
int bit_metrics_address_parse(const char *text, struct bit_metrics_address *out);

#endif
