/* Where a daemon may listen. */
#ifndef BIT_CTL_SOCKETS_H
#define BIT_CTL_SOCKETS_H

#include "proto/limits.h"

/**
 * Connect to `named`, a socket or a state folder with one in it; if it is NULL to $BITD_SOCKET, the same; else to the
 * first on which a daemon answers: $XDG_RUNTIME_DIR/bitd.sock, the default state folder's, /run/bitd/bitd.sock.
 * Returns     the descriptor, with its path in out
 * Errors      BIT_EDAEMON, with a path that was tried in out: the first that a daemon has left, else the last;
 *             -EACCES and others of connect(2) pass through
 */
int bit_sockets_connect(const char *named, char out[BIT_PATH_MAX]);

#endif
