/* The address of a Unix socket, however long its path is. */
#ifndef BIT_PROTO_SOCKET_PATH_H
#define BIT_PROTO_SOCKET_PATH_H

#include <sys/un.h>

/* For bind(2) and connect(2), until bit_socket_path_finish. */
struct bit_socket_path {
    struct sockaddr_un address;
    int folder; /* descriptor of the folder in /proc/self/fd/N; -1: the address has the path itself */
};

/**
 * A path that does not fit into an address (107 bytes) becomes /proc/self/fd/N/NAME, with N its folder's descriptor.
 * Errors      BIT_EUSAGE if the name alone is too long; -errno of opening the folder; out is finished then
 */
int bit_socket_path_init(const char *path, struct bit_socket_path *out);
void bit_socket_path_finish(struct bit_socket_path *p);

#endif
