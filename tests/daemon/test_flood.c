/*
 * Many bad clients, on both sockets, while a run trains: 10000 frames that are random, cut off, or slow, and 1000
 * silent connections. The effect on a good client's latency is measured and printed. The run ends with the weights of
 * an undisturbed one, and bitd grows by at most 16 MiB.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "tests/daemon/fixture.h"
#include "tests/sanitizer.h"

#define FRAMES       10000
#define IDLE         1000
#define SLOW         16  /* connections that send single bytes */
#define ASK_EVERY    20  /* frames between two requests of a good client */
#define STATUS_MS    5.0 /* on an otherwise idle machine */
#define SLACK        20  /* for a busy machine */
#define STEPS        "schedule.steps=400\ncheckpoint.every=0"
#define RSS_MORE_MAX (16u << 20)

static struct fix f;
static char run[32];
static uint64_t seed;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t rss(void)
{
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    Bit__VersionReply *reply = fix_expect(&f, BIT_MSG_VERSION_REQUEST, &m, BIT_MSG_VERSION_REPLY);
    uint64_t bytes = reply ? reply->rss_bytes : 0;

    bit_msg_free(reply);
    return bytes;
}

/* ---- times */

struct times {
    double ms[FRAMES];
    size_t count;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(struct times *t, double q)
{
    qsort(t->ms, t->count, sizeof t->ms[0], by_size);
    return t->count ? t->ms[(size_t)(q * (double)(t->count - 1))] : 0;
}

static void time_status(struct times *out)
{
    double begun = now_ms();

    bit_msg_free(fix_status(&f, run));
    out->ms[out->count++] = now_ms() - begun;
}

/* ---- bad clients */

static int knock_tcp(void)
{
    char path[160], text[8] = "";
    static uint16_t port;

    snprintf(path, sizeof path, "%s/link.port", f.state);
    FILE *file = port == 0 ? fopen(path, "re") : NULL;
    if (file != NULL) {
        EXPECT(fgets(text, sizeof text, file) != NULL);
        port = (uint16_t)strtoul(text, NULL, 10);
        fclose(file);
    }
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    connect(fd, (const struct sockaddr *)&to, sizeof to); /* non-blocking: does not wait for a full queue */
    return fd;
}

/* Random bytes; random bytes after the right magic; a valid header of random type and length; part of such a header. */
static size_t make_frame(uint8_t *out, size_t room)
{
    static uint8_t body[4096];
    size_t bytes = 1 + draw() % (room - BIT_FRAME_HEADER_BYTES);

    for (size_t i = 0; i < room; i++)
        out[i] = (uint8_t)(draw() >> 32);
    switch (draw() % 4) {
    case 0:
        break;
    case 1:
        memcpy(out, "BIT1", 4);
        break;
    default: {
        const struct bit_frame frame = {
            .type = (uint16_t)(draw() % 128), .body = body, .body_bytes = (uint32_t)(draw() % sizeof body)};
        bit_frame_encode_header(&frame, out);
        memset(out + BIT_FRAME_HEADER_BYTES, 0, room - BIT_FRAME_HEADER_BYTES);
        if (draw() % 2)
            bytes = 1 + draw() % BIT_FRAME_HEADER_BYTES;
    }
    }
    return bytes;
}

static void send_bad(bool tcp)
{
    uint8_t frame[1024];
    int fd = tcp ? knock_tcp() : fix_connect(&f);
    size_t bytes = make_frame(frame, sizeof frame);

    if (tcp && draw() % 2)
        memcpy(frame, "bitlink1", 8);
    if (EXPECT(fd >= 0)) {
        send(fd, frame, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
    }
}

static void open_idle(int *fd, size_t count)
{
    for (size_t i = 0; i < count; i++)
        EXPECT((fd[i] = fix_connect(&f)) >= 0);
}

static void close_all(const int *fd, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fd[i]);
}

static void flood(struct times *out)
{
    static int idle[IDLE];
    int slow[SLOW];

    open_idle(idle, IDLE);
    open_idle(slow, SLOW);
    for (int i = 0; i < FRAMES; i++) {
        send_bad(i % 50 == 0); /* TCP rarely: more would only wait in the kernel's queue */
        if (i % ASK_EVERY == 0) {
            send(slow[(i / ASK_EVERY) % SLOW], "BIT1", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
            time_status(out);
        }
    }
    close_all(slow, SLOW);
    close_all(idle, IDLE);
}

static void begin(void)
{
    static const char *const args[] = {"--set", "listen=127.0.0.1:0", "--set", "link=tcp", "--log-level", "error"};
    const char *given = getenv("BITD_SEED");

    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
    printf("BITD_SEED=0x%llx\n", (unsigned long long)seed);
    fix_init(&f);
    memcpy(f.args, args, sizeof args);
    setenv("FAKE_STEP_US", "10000", 1);
}

TEST(ten_thousand_bad_frames_disturb_nobody)
{
    static struct times quiet, flooded;
    uint64_t digest = 0, undisturbed = fix_undisturbed(STEPS);

    begin();
    if (!fix_start(&f))
        return;
    fix_submit(&f, STEPS, run);
    fix_wait_step(&f, run, 2);
    for (int i = 0; i < FRAMES / ASK_EVERY; i++)
        time_status(&quiet);
    uint64_t before = rss();
    flood(&flooded);
    uint64_t after = rss(), more = after - BIT_MIN(before, after);
    printf("rss +%.1f MiB of 16; status p50 %.2f ms, p99 %.2f ms of %.0f (before: %.2f, %.2f)\n",
           (double)more / (1 << 20), quantile(&flooded, 0.5), quantile(&flooded, 0.99), STATUS_MS,
           quantile(&quiet, 0.5), quantile(&quiet, 0.99));
    EXPECT(TEST_SANITIZED || more <= RSS_MORE_MAX);
    EXPECT(TEST_SANITIZED || quantile(&flooded, 0.5) <= SLACK * STATUS_MS);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST_MAIN
