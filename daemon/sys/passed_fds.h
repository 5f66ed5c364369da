/*
 * Descriptors that come over a Unix socket (SCM_RIGHTS). The sender decides how long it takes to close the last copy of
 * one (a socket with SO_LINGER, a file of FUSE), and whoever reads past one, or closes a socket in which one waits,
 * closes it. So nothing is read from a client's socket that was not looked at before, and what may hold a descriptor is
 * taken and closed on another thread (daemon/sys/user_threads.h).
 */
#ifndef BIT_DAEMON_PASSED_FDS_H
#define BIT_DAEMON_PASSED_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BIT_PASSED_FDS_MAX 253 /* of one message: the kernel's own limit */

/**
 * Have the kernel refuse them (Linux 6.16), and keep urgent data in the order of the rest, so that bit_passed_fds_look
 * sees everything. For a listening socket too.
 */
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
/**
 * End the connection, whoever else has a copy of fd. True if what has come may hold a descriptor: then closing fd may
 * take long.
 */
bool bit_passed_fds_shut(int fd);

#endif
