/* The sockets on which a daemon may listen. */
#ifndef BIT_CTL_SOCKETS_H
#define BIT_CTL_SOCKETS_H

#include "proto/limits.h"

/**
 * Connect to `named`, a socket or a state folder with one in it. If it is NULL, to $BITD_SOCKET, likewise. If that is
 * unset, to the first of these on which a daemon answers: $XDG_RUNTIME_DIR/bitd.sock, that of the default state folder,
 * /run/bitd/bitd.sock.
 * Returns     the descriptor, with its path in out
 * Errors      BIT_EDAEMON, with a path that was tried in out: the last that a daemon has left, else the last of all;
 *             -EACCES and others of connect(2) pass through
 */
int bit_sockets_connect(const char *named, char out[BIT_PATH_MAX]);

#endif
