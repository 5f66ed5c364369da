/* The address of a Unix socket, however long its path is. */
#ifndef BIT_PROTO_SOCKET_PATH_H
#define BIT_PROTO_SOCKET_PATH_H

#include <sys/un.h>

/* For bind(2) and connect(2), until bit_socket_path_finish. */
struct bit_socket_path {
    struct sockaddr_un address;
    int folder; /* the descriptor that the address leads through; -1: it has the path itself */
};

/**
 * A path longer than an address has room for (107 bytes) is given as /proc/self/fd/N/NAME, with N its folder.
 * Errors      BIT_EUSAGE of a name that long; -errno of the folder; out is finished then
 */
int bit_socket_path_init(const char *path, struct bit_socket_path *out);
void bit_socket_path_finish(struct bit_socket_path *p);

#endif
