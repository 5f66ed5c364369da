/*
 * Descriptors that arrive over a Unix socket (SCM_RIGHTS). Closing the last copy of one may take as long as its sender
 * likes (a socket with SO_LINGER, a file of FUSE), and reading past one, or closing a socket in which one is queued,
 * closes it. So bitd peeks before it reads from a client's socket, and data that may hold a descriptor is received and
 * closed on another thread (daemon/sys/user_threads.h).
 */
#ifndef BIT_DAEMON_PASSED_FDS_H
#define BIT_DAEMON_PASSED_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BIT_PASSED_FDS_MAX 253 /* in one message: the kernel's limit */

/**
 * Have the kernel refuse descriptors (Linux 6.16), and keep urgent data in line with the rest, so that
 * bit_passed_fds_look sees everything. Also for a listening socket.
 */
void bit_passed_fds_refuse(int fd);
/** Accept descriptors again, until bit_passed_fds_refuse. */
void bit_passed_fds_allow(int fd);
/**
 * Peek: how many bytes can be read now without meeting a descriptor; they stay in the socket. 0 at the end.
 * Errors      -EAGAIN if there is nothing; BIT_EMESSAGE if there is a descriptor; -errno
 */
ssize_t bit_passed_fds_look(int fd, uint8_t *room, size_t bytes);
/** Read bytes together with their descriptors, which the caller closes. 0 at the end. Errors: -errno. */
ssize_t bit_passed_fds_take(int fd, uint8_t *room, size_t bytes, int out[BIT_PASSED_FDS_MAX], size_t *count);
/**
 * Shut the connection down, even if other processes have copies of fd. True if unread data may hold a descriptor:
 * closing fd may then take long.
 */
bool bit_passed_fds_shut(int fd);

#endif
