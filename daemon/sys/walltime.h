/* Wall-clock time, as in the journal. Durations are measured on the loop's clock. */
#ifndef BIT_DAEMON_WALLTIME_H
#define BIT_DAEMON_WALLTIME_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds since 1970. */
static inline uint64_t bit_walltime_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
