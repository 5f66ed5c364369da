/* Milliseconds of a monotonic clock (CLOCK_MONOTONIC), not a time of day. */
#ifndef BIT_WORKER_CLOCK_H
#define BIT_WORKER_CLOCK_H

#include <time.h>

static inline double bit_clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#endif
