/*
 * Times status calls of a training run: status_calls SOCKET RUN CALLS INTERVAL_MS [BITCTL]
 * Each call connects, sends the request and reads the reply; with BITCTL it runs that program instead, timed from
 * spawn to exit. Prints "p50 p99 max" in milliseconds.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/client/connection.h"
#include "proto/check.h"
#include "proto/timeslice.h"

#define CALLS_MAX 100000

extern char **environ;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int ask(const char *socket, const char *run)
{
    Bit__StatusRequest request = BIT__STATUS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct bit_connection client;
    uint16_t type = 0;
    int err = bit_connection_open(&client, socket);

    request.run = bit_lend(run);
    if (err >= 0)
        err = bit_connection_send(&client, BIT_MSG_STATUS_REQUEST, &request);
    if (err >= 0)
        err = bit_connection_next(&client, 10000, &type, &reply);
    bit_connection_close(&client);
    bit_msg_free(reply);
    return err < 0 || type != BIT_MSG_RUN_STATUS ? -1 : 0;
}

static int spawn(const char *bitctl, const char *socket, const char *run)
{
    char *argv[] = {bit_lend(bitctl),
                    bit_lend("status"),
                    bit_lend("-q"),
                    bit_lend("--socket"),
                    bit_lend(socket),
                    bit_lend(run),
                    NULL};
    pid_t pid;
    int status = -1;

    if (posix_spawn(&pid, bitctl, NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return status == 0 ? 0 : -1;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double took[CALLS_MAX];

    if (argc < 5 || argc > 6)
        return 2;
    const int calls = atoi(argv[3]);
    const double interval = atof(argv[4]);
    bit_timeslice_shorten(); /* as bitctl does */
    BIT_ASSERT(calls > 0 && calls <= CALLS_MAX);
    for (int i = 0; i < calls; i++) {
        const double begin = now_ms();
        if ((argc == 6 ? spawn(argv[5], argv[1], argv[2]) : ask(argv[1], argv[2])) < 0)
            return 1;
        took[i] = now_ms() - begin;
        const double rest = BIT_MAX(interval - took[i], 0.0);
        nanosleep(&(struct timespec){.tv_sec = (time_t)(rest / 1e3), .tv_nsec = (long)(rest * 1e6) % 1000000000}, NULL);
    }
    qsort(took, (size_t)calls, sizeof took[0], by_size);
    printf("%.3f %.3f %.3f\n", took[calls / 2], took[calls * 99 / 100], took[calls - 1]);
    return 0;
}
