/* The clock for times on the processor. */
#ifndef BIT_TESTS_KCHECK_CLOCK_H
#define BIT_TESTS_KCHECK_CLOCK_H

#include <time.h>

/* One thread is timed by its own CPU time, which other programs disturb less. */
static inline double kc_now_s(int threads)
{
    struct timespec t;

    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
