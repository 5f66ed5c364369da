#include "daemon/sys/sockets/passed_fds.h"

#include <string.h>
#include <sys/socket.h>

#include "proto/err.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#define LOOKED_AT_MAX (1u << 20) /* unread bytes of a closing socket that are searched for descriptors */

static void set(int fd, int option, int value)
{
    (void)setsockopt(fd, SOL_SOCKET, option, &value, sizeof value); /* an older kernel has no such option */
}

/* A socket from the service manager may have SO_PASSCRED or SO_PASSSEC on, whose control messages bit_passed_fds_look
 * would mistake for descriptors. */
void bit_passed_fds_refuse(int fd)
{
    set(fd, SO_PASSRIGHTS, 0);
    set(fd, SO_PASSCRED, 0);
    set(fd, SO_PASSSEC, 0);
    set(fd, SO_OOBINLINE, 1);
}

void bit_passed_fds_allow(int fd)
{
    set(fd, SO_PASSRIGHTS, 1);
}

ssize_t bit_passed_fds_look(int fd, uint8_t *room, size_t bytes)
{
    struct iovec iov = {.iov_base = room, .iov_len = bytes};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if ((msg.msg_flags & MSG_CTRUNC) != 0) /* there is one, and no control buffer for it */
        return bit_fail(BIT_EMESSAGE, "a descriptor that was not asked for");
    return n;
}

static size_t note_descriptors(struct msghdr *msg, int *out)
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof *out;
        memcpy(out + count, CMSG_DATA(c), n * sizeof *out);
        count += n;
    }
    return count;
}

ssize_t bit_passed_fds_take(int fd, uint8_t *room, size_t bytes, int out[BIT_PASSED_FDS_MAX], size_t *count)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(BIT_PASSED_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = room, .iov_len = bytes};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    *count = n < 0 ? 0 : note_descriptors(&msg, out);
    return n < 0 ? -errno : n;
}

bool bit_passed_fds_shut(int fd)
{
    uint8_t room[16384];

    shutdown(fd, SHUT_RDWR); /* nothing more can arrive, even if there are copies of fd */
    for (size_t seen = 0; seen < LOOKED_AT_MAX;) {
        ssize_t n = bit_passed_fds_look(fd, room, sizeof room);
        if (n <= 0)
            return n == BIT_EMESSAGE;
        if (recv(fd, room, (size_t)n, MSG_DONTWAIT) != n)
            return true;
        seen += (size_t)n;
    }
    return true;
}
