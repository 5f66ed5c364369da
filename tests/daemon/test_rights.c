/*
 * Descriptors that a client passes to bitd unasked (SCM_RIGHTS). The client can make closing the last copy of one slow:
 * here a TCP socket with unsent data and SO_LINGER, whose other end is not read. bitd must not wait for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/fixture.h"

#define LINGER_S 600

static struct fix f;

/* A socket whose close takes LINGER_S unless its other end is read. */
static int make_slow(int *other_end)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
    const struct timeval most = {.tv_sec = FIX_ANSWER_S};
    static const uint8_t data[4096];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        slow = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int little = 4096; /* little data, so that reading it all is fast */

    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    setsockopt(slow, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    EXPECT_EQ(bind(listener, (const struct sockaddr *)&at, sizeof at), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    EXPECT_EQ(getsockname(listener, (struct sockaddr *)&at, &bytes), 0);
    EXPECT_EQ(connect(slow, (const struct sockaddr *)&at, sizeof at), 0);
    *other_end = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    EXPECT(*other_end >= 0);
    setsockopt(*other_end, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    while (send(slow, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    EXPECT_EQ(setsockopt(slow, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(listener);
    return slow;
}

/* Stop bitd until thaw(), so that it receives the descriptor only after our copy is closed, and has the last one. */
static void freeze(void)
{
    kill(f.bitd, SIGSTOP);
    EXPECT_EQ(waitpid(f.bitd, NULL, WUNTRACED), f.bitd);
}

static void thaw(void)
{
    kill(f.bitd, SIGCONT);
}

/* Pass fd with one byte of data and close our copy. 0 or -errno. */
static int pass(int client, int fd, int flags)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t) "B", .iov_len = 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    const struct linger none = {.l_onoff = 1};
    int err = sendmsg(client, &msg, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
    if (err < 0) /* ours is the last copy: close it without lingering */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
    return err;
}

static bool is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) <= 0;
}

static bool answers(void)
{
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    void *reply = fix_expect(&f, BIT_MSG_VERSION_REQUEST, &m, BIT_MSG_VERSION_REPLY);

    bit_msg_free(reply);
    return reply != NULL;
}

/* Read until end of file, which comes only when all copies of the other end are closed. */
static bool comes_to_its_end(int other_end)
{
    static uint8_t data[65536];
    ssize_t n;

    while ((n = recv(other_end, data, sizeof data, 0)) > 0)
        ;
    return n == 0;
}

static bool start_on_old_kernel(void)
{
    fix_init(&f);
    setenv("LD_PRELOAD", OLD_KERNEL_PATH, 1);
    bool started = fix_start(&f);
    unsetenv("LD_PRELOAD");
    return started;
}

static void pass_and_ask(int flags)
{
    int other_end, slow = make_slow(&other_end), client = fix_connect(&f);

    freeze();
    EXPECT_EQ(pass(client, slow, flags), 0);
    thaw();
    EXPECT(answers()); /* the close cannot have ended: the other end is unread */
    EXPECT(is_closed(client));
    EXPECT(answers());
    EXPECT(comes_to_its_end(other_end));
    close(other_end);
    close(client);
}

TEST(a_descriptor_that_closes_slowly_holds_up_nobody)
{
    if (start_on_old_kernel())
        pass_and_ask(0);
    fix_finish(&f);
}

/* Urgent data arrives out of order; it must not bypass bitd's check for descriptors. */
TEST(nor_one_that_comes_as_urgent_data)
{
    if (start_on_old_kernel())
        pass_and_ask(MSG_OOB);
    fix_finish(&f);
}

/* The request and the descriptor both arrive before bitd reads either. */
TEST(nor_one_after_a_request)
{
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    int other_end, slow = make_slow(&other_end);

    if (start_on_old_kernel()) {
        int client = fix_connect(&f);
        EXPECT(answers()); /* bitd has accepted `client` by now */
        freeze();
        EXPECT(fix_send(client, BIT_MSG_VERSION_REQUEST, &m));
        EXPECT_EQ(pass(client, slow, 0), 0);
        thaw();
        EXPECT(answers());
        EXPECT(is_closed(client));
        EXPECT(comes_to_its_end(other_end));
        close(client);
    }
    close(other_end);
    fix_finish(&f);
}

/* bitd does not wait for the close when it is stopped, either. */
TEST(nor_the_end_of_bitd)
{
    int other_end, slow = make_slow(&other_end);

    if (start_on_old_kernel()) {
        int client = fix_connect(&f);
        freeze();
        EXPECT_EQ(pass(client, slow, 0), 0);
        thaw();
        EXPECT(answers());
        EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
        close(client);
    }
    close(other_end);
    fix_finish(&f);
}

/* Where the kernel can refuse descriptors, the sender gets the error. */
TEST(the_kernel_refuses_it_where_it_can)
{
    int passrights = 1, other_end, slow = make_slow(&other_end);

    fix_init(&f);
    if (fix_start(&f)) {
        int client = fix_connect(&f);
        if (setsockopt(client, SOL_SOCKET, 83, &passrights, sizeof passrights) < 0) {
            close(slow);
            fix_finish(&f);
            SKIP("this kernel has no SO_PASSRIGHTS");
        }
        EXPECT_EQ(pass(client, slow, 0), -EPERM);
        EXPECT(answers());
        close(client);
    }
    close(other_end);
    fix_finish(&f);
}

TEST_MAIN
