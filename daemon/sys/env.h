/* What every layer of the daemon needs from the one above it: the loop to run on, and the settings. */
#ifndef BIT_DAEMON_ENV_H
#define BIT_DAEMON_ENV_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/sys/config.h"

struct bit_hooks;
struct bit_loop_latency;

struct bit_env {
    uv_loop_t *loop;
    const struct bit_config *config;
    struct bit_hooks *hooks;                /* programs that are told what happens; NULL: none */
    const struct bit_loop_latency *latency; /* of the loop; NULL: it is not measured */
    uint64_t began_ns;                      /* when bitd was started, by the time of day */
    bool stopping;                          /* bitd goes down: nothing begins any more */
};

#endif
