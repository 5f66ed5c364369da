/*
 * What this rank's GPU does, about once a second, by a thread of its own: the driver may take milliseconds to answer,
 * and no step waits for it.
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
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t stopped;
    bool stop, known;
    struct bit_power_load load;
};

/** Of the exec's GPU. False where there is none, or it tells nothing: everything else does nothing then. */
bool bit_power_watch_start(struct bit_power_watch *watch, const struct bit_exec *exec);
/** A zeroed one, or one that did not start, is fine. */
void bit_power_watch_stop(struct bit_power_watch *watch);
/** The latest; false before the first second is over. NULL is fine. */
bool bit_power_watch_get(struct bit_power_watch *watch, struct bit_power_load *out);

#endif
