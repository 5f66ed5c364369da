/*
 * Reads this rank's GPU (power.h) about once a second, on a thread of its own: the driver may take milliseconds to
 * answer, and no step waits for it.
 */
#ifndef BIT_WORKER_POWER_WATCH_H
#define BIT_WORKER_POWER_WATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "worker/power.h"

#define BIT_POWER_WATCH_MS 1000

struct bit_power_watch {
    struct bit_power power;
    bool running;
    pthread_t thread;
    pthread_mutex_t lock; /* protects the rest */
    pthread_cond_t stopped;
    bool stop, known;
    struct bit_power_load load;
};

/** Watch the exec's GPU. False if there is none or it cannot be read; the other functions then do nothing. */
bool bit_power_watch_start(struct bit_power_watch *watch, const struct bit_exec *exec);
/** Takes a zeroed watch, or one that did not start, too. */
void bit_power_watch_stop(struct bit_power_watch *watch);
/** The latest load; false before the first second is over. watch may be NULL. */
bool bit_power_watch_get(struct bit_power_watch *watch, struct bit_power_load *out);

#endif
