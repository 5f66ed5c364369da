/*
 * Descriptors that come over a Unix socket (SCM_RIGHTS). Closing the last copy of one takes as long as who sent it
 * likes (a socket with SO_LINGER, a file of FUSE), and whoever reads past one, or closes a socket in which one waits,
 * closes it. So nothing is read from a client's socket that was not looked at before, and what may hold a descriptor is
 * taken and closed beside the loop (daemon/sys/user_threads.h).
 */
#ifndef BIT_DAEMON_PASSED_FDS_H
#define BIT_DAEMON_PASSED_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BIT_PASSED_FDS_MAX 253 /* of one message: the kernel's own limit */

/** For a listening socket too: have the kernel refuse them (Linux 6.16), and keep urgent data in the order of the rest,
 * so that nothing gets past who looks. */
void bit_passed_fds_refuse(int fd);
/** Take them from now on; until bit_passed_fds_refuse. */
void bit_passed_fds_allow(int fd);
/**
 * How many bytes can be read now without meeting a descriptor; they stay where they are. 0 at the end.
 * Errors      -EAGAIN for nothing; BIT_EMESSAGE if there is a descriptor; -errno
 */
ssize_t bit_passed_fds_look(int fd, uint8_t *room, size_t bytes);
/** Read with every descriptor that is there; the caller closes them. 0 at the end. Errors: -errno. */
ssize_t bit_passed_fds_take(int fd, uint8_t *room, size_t bytes, int out[BIT_PASSED_FDS_MAX], size_t *count);
/** The end of the connection, whoever has a copy of fd. Whether what has come may hold a descriptor: then closing it
 * may take its time. */
bool bit_passed_fds_shut(int fd);

#endif
