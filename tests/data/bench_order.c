/* The order of very many instances: time and memory until the first batch, and of the following windows.
 *     bench_order [COUNT] [WINDOWS]      by default 1500000000 and 2 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "proto/data/shuffle.h"
#include "proto/err.h"

#define BATCH 2048

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_windows(struct bit_shuffle *s, uint64_t from, uint64_t to, const char *what)
{
    static uint32_t batch[BATCH];
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct rusage usage;
    int err = 0;

    for (uint64_t at = from; at < to && err == 0; at += BATCH)
        err = bit_shuffle_read(s, 0, at, BATCH, batch);
    getrusage(RUSAGE_SELF, &usage);
    printf("%s: %.2f s, %.2f s of CPU; peak memory %ld MiB\n", what, seconds(CLOCK_MONOTONIC) - wall,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, usage.ru_maxrss >> 10);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1500000000;
    uint64_t windows = argc > 2 ? strtoull(argv[2], NULL, 10) : 2;
    struct bit_shuffle *s = NULL;
    int err = bit_shuffle_create(6198, count, &s);

    if (err == 0)
        err = read_windows(s, 0, BATCH, "the first batch");
    if (err == 0)
        err = read_windows(s, BATCH, windows * BIT_SHUFFLE_WINDOW + BATCH, "the windows after it, nothing else to do");
    bit_shuffle_destroy(s);
    if (err < 0)
        fprintf(stderr, "bench_order: %s\n", bit_fail_text());
    return err < 0;
}
