/*
 * Clients that send garbage at a given rate, and a server that does almost nothing, to compare bitd with.
 *
 *     clients bad SOCKET COUNT RATE SEED      COUNT clients, RATE a second; prints how many could connect
 *     clients idle SOCKET COUNT               connects COUNT times, prints how many could, is silent until EOF
 *     clients serve SOCKET                    answers 64 bytes with 2048, until it is killed; prints "up"
 *     clients ask SOCKET COUNT INTERVAL_MS    connect, 64 bytes, the answer, close; prints "p50 p99 max" in
 * milliseconds
 *
 * Both servers' figures include the cost of the machine's scheduler and of the sockets; the difference is bitd's cost.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/timeslice.h"

#define HELD_MAX    32 /* bad clients connected at once: the oldest is closed when the next one connects */
#define IDLE_MAX    4096
#define CALLS_MAX   100000
#define ASK_BYTES   64
#define REPLY_BYTES 2048

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void wait_until(double ms)
{
    const struct timespec t = {(time_t)(ms / 1e3), (long)(ms * 1e6) % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return a;
}

static int open_client(const char *path)
{
    const struct sockaddr_un a = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Errors are ignored: the server rightly hangs up in the middle. */
static void say(int fd, const void *bytes, size_t count)
{
    (void)!send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Random bytes; a header cut short; a header that announces a megabyte, and little after it; a header byte by byte. */
static void misbehave(int fd, uint64_t *state)
{
    uint8_t bytes[600] = "BIT1";
    const uint64_t kind = next_random(state) % 4;

    for (size_t i = kind == 0 ? 0 : 4; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next_random(state);
    if (kind == 0) {
        say(fd, bytes, 1 + next_random(state) % sizeof bytes);
    } else if (kind == 1) {
        say(fd, bytes, 4 + next_random(state) % 20);
    } else if (kind == 2) {
        static const uint8_t megabyte[16] = {0x36, [10] = 0x10};
        memcpy(bytes + 4, megabyte, sizeof megabyte);
        say(fd, bytes, 28);
    } else {
        static const uint8_t header[12] = "BIT1\x37";
        for (size_t i = 0; i < sizeof header; i++)
            say(fd, header + i, 1);
    }
}

static int play_bad(const char *path, int count, double rate, uint64_t seed)
{
    int held[HELD_MAX], came = 0;
    const double begin = now_ms();

    for (int i = 0; i < HELD_MAX; i++)
        held[i] = -1;
    for (int i = 0; i < count; i++) {
        int *fd = &held[i % HELD_MAX];
        wait_until(begin + i * 1e3 / rate);
        if (*fd >= 0)
            close(*fd);
        *fd = open_client(path);
        if (*fd < 0)
            continue;
        came++;
        misbehave(*fd, &seed);
    }
    printf("%d\n", came);
    return 0;
}

static int play_idle(const char *path, int count)
{
    int came = 0;
    char end;
    const struct rlimit many = {IDLE_MAX + 64, IDLE_MAX + 64};

    (void)setrlimit(RLIMIT_NOFILE, &many);
    for (int i = 0; i < BIT_MIN(count, IDLE_MAX); i++)
        came += open_client(path) >= 0;
    printf("%d\n", came);
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    return 0;
}

static void answer(int fd)
{
    static const uint8_t reply[REPLY_BYTES];
    uint8_t bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        close(fd);
    else if (n == ASK_BYTES)
        say(fd, reply, sizeof reply);
}

static int serve(const char *path)
{
    const struct sockaddr_un a = address_of(path);
    const struct rlimit many = {IDLE_MAX + 64, IDLE_MAX + 64};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};

    (void)setrlimit(RLIMIT_NOFILE, &many);
    bit_timeslice_shorten(); /* as bitd does */
    if (bind(listener, (const struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 128) < 0 ||
        epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e) < 0)
        return 1;
    printf("up\n");
    fflush(stdout);
    while (epoll_wait(poll, &e, 1, -1) >= 0 || errno == EINTR) {
        if (e.data.fd != listener) {
            answer(e.data.fd);
            continue;
        }
        struct epoll_event client = {.events = EPOLLIN, .data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)};
        if (client.data.fd >= 0)
            epoll_ctl(poll, EPOLL_CTL_ADD, client.data.fd, &client);
    }
    return 1;
}

static bool ask_once(const char *path)
{
    static const uint8_t question[ASK_BYTES];
    uint8_t reply[REPLY_BYTES];
    int fd = open_client(path);
    bool ok = fd >= 0 && send(fd, question, sizeof question, MSG_NOSIGNAL) == (ssize_t)sizeof question &&
              recv(fd, reply, sizeof reply, MSG_WAITALL) == (ssize_t)sizeof reply;

    if (fd >= 0)
        close(fd);
    return ok;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int ask(const char *path, int count, double interval_ms)
{
    static double took[CALLS_MAX];

    bit_timeslice_shorten(); /* as bitctl does */
    for (int i = 0; i < count; i++) {
        const double begin = now_ms();
        if (!ask_once(path))
            return 1;
        took[i] = now_ms() - begin;
        wait_until(begin + BIT_MAX(interval_ms, took[i]));
    }
    qsort(took, (size_t)count, sizeof took[0], by_size);
    printf("%.3f %.3f %.3f\n", took[count / 2], took[count * 99 / 100], took[count - 1]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    const int count = argc > 3 ? atoi(argv[3]) : 0;

    signal(SIGPIPE, SIG_IGN);
    if (strcmp(what, "serve") == 0)
        return serve(argv[2]);
    if (count <= 0 || count > CALLS_MAX)
        return 2;
    if (strcmp(what, "bad") == 0 && argc == 6 && atof(argv[4]) > 0)
        return play_bad(argv[2], count, atof(argv[4]), strtoull(argv[5], NULL, 10));
    if (strcmp(what, "idle") == 0)
        return play_idle(argv[2], count);
    if (strcmp(what, "ask") == 0 && argc == 5)
        return ask(argv[2], count, atof(argv[4]));
    return 2;
}
