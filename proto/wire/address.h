/* "host:port" as people write it, for both ends of a link over TCP. Nothing is resolved here. */
#ifndef BIT_PROTO_ADDRESS_H
#define BIT_PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_HOST_MAX    256                     /* a name or a literal, with its NUL */
#define BIT_ADDRESS_MAX (BIT_HOST_MAX + 2 + 12) /* "[host]:first-last" */

struct bit_address {
    char host[BIT_HOST_MAX]; /* name, IPv4 or IPv6 without brackets, or an interface; empty: none was given */
    uint16_t first, last;    /* ports; equal unless a range was given */
};

/**
 * "10.0.0.7:4100", "[fe80::1%eth0]:4100", "login1:4100-4199", "eth0:4100", "*:4100", ":4100", "4100". "*" is no host.
 * Errors      BIT_EUSAGE saying what is wrong with it
 */
int bit_address_parse(const char *text, struct bit_address *out);
/** Host and port, with brackets where the host has colons. */
void bit_address_print(const char *host, uint16_t port, char out[BIT_ADDRESS_MAX]);
/** A link's address is a Unix socket's path. */
bool bit_address_is_path(const char *text);

#endif
