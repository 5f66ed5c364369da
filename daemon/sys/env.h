/* What every layer of the daemon needs from the layer above: the loop and the settings. */
#ifndef BIT_DAEMON_ENV_H
#define BIT_DAEMON_ENV_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/sys/settings/config.h"

struct bit_hooks;
struct bit_loop_latency;

struct bit_env {
    uv_loop_t *loop;
    const struct bit_config *config;
    struct bit_hooks *hooks;                /* NULL: none */
    const struct bit_loop_latency *latency; /* of the loop; NULL: not measured */
    uint64_t began_ns;                      /* when bitd was started, wall-clock time */
    bool stopping;                          /* bitd is shutting down: nothing new begins */
};

#endif
