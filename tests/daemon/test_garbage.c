/* Misbehaving clients: bitd closes their connections, and no other client or run is affected. */
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/daemon/fixture.h"
#include "tests/sanitizer.h"

#define RSS_MORE_MAX ((TEST_SANITIZED ? 256u : 16u) << 20)

static struct fix f;

static uint64_t rss(void)
{
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    Bit__VersionReply *reply = fix_expect(&f, BIT_MSG_VERSION_REQUEST, &m, BIT_MSG_VERSION_REPLY);
    uint64_t bytes = reply ? reply->rss_bytes : 0;

    bit_msg_free(reply);
    return bytes;
}

/* Whether bitd closed the connection: end of file, or a reset if it had not read all bytes. */
static bool is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) <= 0;
}

static void header(uint8_t *out, uint16_t type, uint32_t bytes)
{
    static uint8_t body[BIT_FRAME_BODY_MAX];
    const struct bit_frame frame = {.type = type, .body = body, .body_bytes = bytes};

    bit_frame_encode_header(&frame, out);
}

TEST(garbage_closes_the_connection)
{
    uint32_t seed = (uint32_t)time(NULL);

    fix_init(&f);
    if (!fix_start(&f))
        return;
    printf("seed %u\n", seed);
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[512];
        int fd = fix_connect(&f);
        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(seed >> 24);
        }
        if (i % 2)
            memcpy(bytes, "BIT1", 4);
        send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        EXPECT(is_closed(fd));
        close(fd);
    }
    EXPECT(rss() > 0);
    fix_finish(&f);
}

TEST(a_huge_length_allocates_nothing)
{
    uint8_t bytes[BIT_FRAME_HEADER_BYTES];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    uint64_t before = rss();
    for (int i = 0; i < 50; i++) {
        int fd = fix_connect(&f);
        header(bytes, BIT_MSG_SUBMIT_REQUEST, 1);
        memset(bytes + 16, 0xff, 4); /* the length, which invalidates the checksum */
        send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        EXPECT(is_closed(fd));
        close(fd);
    }
    EXPECT(rss() < before + RSS_MORE_MAX);
    fix_finish(&f);
}

TEST(only_a_submission_may_be_long)
{
    static uint8_t bytes[BIT_FRAME_HEADER_BYTES + BIT_REQUEST_BODY_MAX + 1];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    header(bytes, BIT_MSG_STATUS_REQUEST, BIT_REQUEST_BODY_MAX + 1);
    void *reply;
    int fd = fix_connect(&f);
    send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
    EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_ERROR_REPLY);
    bit_msg_free(reply);
    close(fd);
    fix_finish(&f);
}

TEST(a_message_of_another_channel_is_refused)
{
    void *reply;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    Bit__StopOrder order = BIT__STOP_ORDER__INIT;
    order.reason = BIT__STOP_REASON__CANCEL;
    int fd = fix_connect(&f);
    EXPECT(fix_send(fd, BIT_MSG_STOP_ORDER, &order));
    EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_ERROR_REPLY);
    bit_msg_free(reply);
    close(fd);
    fix_finish(&f);
}

TEST(half_a_frame_is_waited_for_only_so_long)
{
    uint8_t bytes[BIT_FRAME_HEADER_BYTES];

    fix_init(&f);
    f.args[0] = "--set";
    f.args[1] = "client_timeout=0.2";
    if (!fix_start(&f))
        return;
    header(bytes, BIT_MSG_VERSION_REQUEST, 100);
    int half = fix_connect(&f), idle = fix_connect(&f);
    send(half, bytes, sizeof bytes, MSG_NOSIGNAL);
    EXPECT(is_closed(half));
    close(half);
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT; /* a silent connection is kept */
    void *reply;
    EXPECT(fix_send(idle, BIT_MSG_VERSION_REQUEST, &m));
    EXPECT_EQ(fix_receive(idle, &reply), BIT_MSG_VERSION_REPLY);
    bit_msg_free(reply);
    close(idle);
    fix_finish(&f);
}

TEST(a_thousand_idle_connections_disturb_no_run)
{
    static int fd[1000];
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed("schedule.steps=100");

    fix_init(&f);
    if (!fix_start(&f))
        return;
    uint64_t before = rss();
    for (size_t i = 0; i < 1000; i++)
        if (!EXPECT((fd[i] = fix_connect(&f)) >= 0))
            break;
    fix_submit(&f, "schedule.steps=100", run);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT(rss() < before + RSS_MORE_MAX);
    for (size_t i = 0; i < 1000; i++)
        close(fd[i]);
    fix_finish(&f);
}

/* The client requests a long stream and reads nothing: the rest stays in the file, not in bitd's memory. */
TEST(a_client_that_does_not_read_costs_nothing)
{
    char run[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=3000\ncheckpoint.every=0", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    uint64_t before = rss();
    int fd[20];
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    m.run = run;
    m.has_steps = m.steps = true;
    for (int i = 0; i < 20; i++) {
        fd[i] = fix_connect(&f);
        EXPECT(fix_send(fd[i], BIT_MSG_EVENTS_REQUEST, &m));
    }
    EXPECT(rss() < before + RSS_MORE_MAX);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    fix_finish(&f);
}

/* Connections to the workers' socket without the launch's secret are closed. */
TEST(the_link_lets_no_stranger_in)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);

    fix_init(&f);
    setenv("FAKE_STEP_US", "10000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 2);
    struct fix link = f;
    snprintf(link.socket, sizeof link.socket, "%s/link.sock", f.state);
    uint8_t secret[BIT_SECRET_BYTES] = {0};
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;
    hello.protocol = BIT_PROTOCOL_VERSION;
    hello.run = run;
    hello.epoch = 1;
    hello.secret = (ProtobufCBinaryData){.len = sizeof secret, .data = secret};
    hello.host = bit_lend("elsewhere");
    hello.ranks = 1;
    for (int i = 0; i < 3; i++) {
        int fd = fix_connect(&link);
        Bit__WorkerFailed failed = BIT__WORKER_FAILED__INIT;
        failed.text = bit_lend("ha");
        if (i == 0)
            EXPECT(fix_send(fd, BIT_MSG_WORKER_HELLO, &hello));
        else if (i == 1)
            EXPECT(fix_send(fd, BIT_MSG_WORKER_FAILED, &failed));
        else
            send(fd, "garbage garbage garbage garbage", 31, MSG_NOSIGNAL);
        EXPECT(is_closed(fd));
        close(fd);
    }
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST_MAIN
