/* Parses and prints "host:port" for both ends of a link over TCP. Resolves nothing. */
#ifndef BIT_PROTO_ADDRESS_H
#define BIT_PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_HOST_MAX    256                     /* a name or a literal, with its NUL */
#define BIT_ADDRESS_MAX (BIT_HOST_MAX + 2 + 12) /* "[host]:first-last" */

struct bit_address {
    char host[BIT_HOST_MAX]; /* name, IPv4, IPv6 without brackets, or an interface; empty: none was given */
    uint16_t first, last;    /* ports; equal unless a range was given */
};

/**
 * "10.0.0.7:4100", "[fe80::1%eth0]:4100", "login1:4100-4199", "eth0:4100", "*:4100", ":4100", "4100". "*" means no
 * host.
 * Errors      BIT_EUSAGE with the reason
 */
int bit_address_parse(const char *text, struct bit_address *out);
/** Host and port; a host with colons gets brackets. */
void bit_address_print(const char *host, uint16_t port, char out[BIT_ADDRESS_MAX]);
/** Whether a link's address is a Unix socket's path. */
bool bit_address_is_path(const char *text);

#endif
