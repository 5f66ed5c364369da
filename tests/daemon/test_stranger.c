/*
 * The port for workers of other nodes, which anybody can reach. A client without the secret of a launch, or with
 * recorded messages, gets nothing. The run that trains meanwhile never loses its worker and ends with the weights of an
 * undisturbed run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/handshake.h"
#include "tests/daemon/fixture.h"

#define STEPS "schedule.steps=100\ncheckpoint.every=0"

static struct fix f;
static char run[32];
static struct bit_launch_id id; /* of the launch that trains: known only to its worker and bitd */

/* ---- connections to the port */

static uint16_t port(void)
{
    char path[160], text[8] = "";

    snprintf(path, sizeof path, "%s/link.port", f.state);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return (uint16_t)strtoul(text, NULL, 10);
}

static int knock(void)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port()), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval most = {.tv_sec = FIX_ANSWER_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (EXPECT(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0))
        return fd;
    close(fd);
    return -1;
}

static void say(int fd, const void *data, size_t bytes)
{
    send(fd, data, bytes, MSG_NOSIGNAL);
}

/* The number of bytes received before bitd closed the connection; -1 if it did not close it. */
static ssize_t rest(int fd)
{
    uint8_t buf[4096];
    ssize_t sum = 0, n;

    while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
        sum += n;
    bool closed = n == 0 || errno == ECONNRESET;
    close(fd);
    return closed ? sum : -1;
}

static bool hear(int fd, uint8_t *out, size_t bytes)
{
    return recv(fd, out, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

/* ---- the run that trains meanwhile */

static void read_id(void)
{
    char path[256];
    struct stat st;

    id = (struct bit_launch_id){.epoch = 1};
    snprintf(id.run, sizeof id.run, "%s", run);
    int fd = open(fix_path(&f, run, "secret", path, sizeof path), O_RDONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && read(fd, id.secret, sizeof id.secret) == sizeof id.secret);
    EXPECT(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
    close(fd);
}

static uint64_t undisturbed(void)
{
    static uint64_t digest;

    if (digest == 0)
        digest = fix_undisturbed(STEPS);
    return digest;
}

static bool begin(void)
{
    uint64_t made = undisturbed();

    fix_init(&f);
    setenv("FAKE_STEP_US", "10000", 1);
    const char *const args[] = {"--set", "listen=127.0.0.1:0", "--set", "link=tcp"};
    memcpy(f.args, args, sizeof args);
    if (made == 0 || !fix_start(&f))
        return false;
    fix_submit(&f, STEPS, run);
    fix_wait_step(&f, run, 2);
    read_id();
    return true;
}

static void finish(void)
{
    struct fix_events e;
    uint64_t digest = 0;

    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed());
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 1u);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LOST), 0u);
    fix_events_free(&e);
    fix_finish(&f);
}

/* ---- the tests */

TEST(a_worker_over_tcp_trains_the_same_bits)
{
    if (begin())
        finish();
}

TEST(garbage_is_closed_without_an_answer)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: bitd\r\nUser-Agent: scanner scanner scanner scanner scanner "
                               "scanner scanner scanner\r\n\r\n";
    uint32_t seed = (uint32_t)time(NULL);

    if (!begin())
        return;
    printf("seed %u\n", seed);
    for (int i = 0; i < 50; i++) {
        uint8_t bytes[512];
        int fd = knock();
        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(seed >> 24);
        }
        if (i % 3 == 1)
            memcpy(bytes, "bitlink1", 8);
        if (i % 3 == 2)
            memcpy(bytes, http, sizeof http - 1);
        say(fd, bytes, sizeof bytes);
        EXPECT_EQ(rest(fd), 0);
    }
    finish();
}

/* A hello without the handshake, which only the Unix socket accepts. */
TEST(a_bare_hello_with_the_right_secret_is_closed)
{
    if (!begin())
        return;
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;
    hello.protocol = BIT_PROTOCOL_VERSION;
    hello.run = run;
    hello.epoch = 1;
    hello.secret = (ProtobufCBinaryData){.len = sizeof id.secret, .data = id.secret};
    hello.host = bit_lend("elsewhere");
    hello.ranks = 1;
    int fd = knock();
    EXPECT(fix_send(fd, BIT_MSG_WORKER_HELLO, &hello));
    EXPECT_EQ(rest(fd), 0);
    finish();
}

static void expect_no_answer(const struct bit_launch_id *as)
{
    struct bit_handshake h;
    int fd = knock();

    bit_handshake_begin(&h, as);
    say(fd, h.hello, sizeof h.hello);
    EXPECT_EQ(rest(fd), 0);
}

TEST(a_wrong_secret_epoch_or_run_gets_no_answer)
{
    if (!begin())
        return;
    struct bit_launch_id wrong = id;
    wrong.secret[0] ^= 1;
    expect_no_answer(&wrong);
    wrong = id;
    wrong.epoch++;
    expect_no_answer(&wrong);
    wrong.epoch = 0;
    expect_no_answer(&wrong);
    wrong = id;
    snprintf(wrong.run, sizeof wrong.run, "r99");
    expect_no_answer(&wrong);
    finish();
}

/* What a real worker sends up to its hello: recorded and sent again, in part, whole, and with repetitions. */
struct recording {
    uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES], header[BIT_SEAL_HEADER_BYTES], record[256];
    size_t record_bytes;
};

static void record_hello(struct recording *r, const void *words, size_t bytes)
{
    uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES];
    struct bit_handshake h;
    struct bit_sealer out;
    struct bit_opener in = {0};
    int fd = knock();

    bit_handshake_begin(&h, &id);
    memcpy(r->hello, h.hello, sizeof r->hello);
    say(fd, h.hello, sizeof h.hello);
    EXPECT(hear(fd, answer, sizeof answer));
    EXPECT_EQ(bit_handshake_finish(&h, answer, &out, r->header, &in), 0);
    r->record_bytes = bit_sealer_seal(&out, words, bytes, r->record);
    bit_opener_finish(&in);
    say(fd, r->header, sizeof r->header);
    say(fd, r->record, r->record_bytes);
    EXPECT_EQ(rest(fd), 0); /* with the secret, but without a valid hello */
}

TEST(a_replayed_hello_is_of_no_use)
{
    struct recording r;

    if (!begin())
        return;
    record_hello(&r, "not a frame", 11);
    for (int i = 4; i >= 0; i--) { /* the last sends no more and is closed by the timeout */
        int fd = knock();
        uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES];
        say(fd, r.hello, sizeof r.hello);
        EXPECT(hear(fd, answer, sizeof answer)); /* the replay cannot use it */
        if (i > 0)
            say(fd, r.header, sizeof r.header);
        for (int k = 0; k < i; k++)
            say(fd, r.record, r.record_bytes);
        EXPECT_EQ(rest(fd), 0);
    }
    finish();
}

TEST(who_knows_the_secret_must_begin_with_a_hello)
{
    struct recording r;
    Bit__WorkerFailed failed = BIT__WORKER_FAILED__INIT;
    uint8_t *frame = NULL;
    size_t bytes = 0;

    if (!begin())
        return;
    failed.text = bit_lend("ha");
    EXPECT_EQ(bit_msg_encode(BIT_MSG_WORKER_FAILED, 1, &failed, &frame, &bytes), 0);
    record_hello(&r, frame, bytes);
    free(frame);
    finish();
}

TEST(silence_is_closed_after_two_seconds)
{
    struct timespec then, now;
    uint8_t half[100] = "bitlink1";

    if (!begin())
        return;
    clock_gettime(CLOCK_MONOTONIC, &then);
    int silent = knock(), slow = knock();
    say(slow, half, sizeof half);
    EXPECT_EQ(rest(silent), 0);
    EXPECT_EQ(rest(slow), 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    EXPECT(now.tv_sec - then.tv_sec >= 1 && now.tv_sec - then.tv_sec <= 60); /* more than 2 s only on a busy machine */
    finish();
}

/* More silent connections than bitd accepts, after bitd was killed: the worker reconnects all the same. */
TEST(a_crowd_of_the_silent_keeps_no_worker_out)
{
    int crowd[300];

    if (!begin())
        return;
    fix_stop(&f, SIGKILL);
    if (!fix_start(&f))
        return;
    for (size_t i = 0; i < 300; i++)
        crowd[i] = knock();
    finish();
    for (size_t i = 0; i < 300; i++)
        close(crowd[i]);
}

TEST(a_port_that_is_taken_is_said)
{
    char set[64];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0);
    getsockname(fd, (struct sockaddr *)&at, &bytes);
    fix_init(&f);
    snprintf(set, sizeof set, "listen=127.0.0.1:%u", ntohs(at.sin_port));
    f.args[0] = "--set";
    f.args[1] = set;
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_TRYAGAIN);
    fix_finish(&f);
    close(fd);
}

TEST_MAIN
