/* Where workers on other nodes connect: binds the address from the settings, and tells which address workers get. */
#ifndef BIT_DAEMON_ENDPOINT_H
#define BIT_DAEMON_ENDPOINT_H

#include "proto/wire/address.h"

#define BIT_ENDPOINT_BACKLOG 4096 /* connections that the kernel keeps; net.core.somaxconn limits it, too */

/**
 * A listening TCP socket for the setting `listen` (proto/wire/address.h; a host may also name a network interface,
 * whose address is then used). It is not in any loop yet.
 *     For a range of ports, or port 0, the port in the file `kept` is tried first, and the one that is bound is written
 * there, so that workers find it again after a restart.
 *     advertise is the host that workers are told. If it is empty, they are told the bound address, or this host's name
 * if that is every address.
 * Errors      BIT_EUSAGE for an address that cannot be read or found; BIT_EBUSY if no port of the range is free; -errno
 */
int bit_endpoint_open(const char *listen, const char *advertise, const char *kept, int *fd, char told[BIT_ADDRESS_MAX]);

#endif
