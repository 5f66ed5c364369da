/* The daemon: all of its parts, wired together. */
#ifndef BIT_DAEMON_DAEMON_H
#define BIT_DAEMON_DAEMON_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/client/server.h"
#include "daemon/http/http.h"
#include "daemon/job/job.h"
#include "daemon/link/worker_link.h"
#include "daemon/own_run.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweeps.h"
#include "daemon/sys/env.h"
#include "daemon/sys/loop_latency.h"
#include "daemon/sys/settings/config.h"
#include "daemon/sys/user_threads.h"

struct bit_daemon {
    uv_loop_t loop;
    struct bit_config config;
    int lock_fd;        /* holds a flock on STATE/lock as long as the daemon lives */
    struct bit_env env; /* the loop and the settings, for the layers below */
    struct bit_runs runs;
    struct bit_sweeps sweeps;
    struct bit_jobs jobs;
    struct bit_worker_link_listener links;
    struct bit_server server;
    struct bit_http http;                 /* GET /metrics */
    struct bit_user_threads user_threads; /* work that clients can make slow */
    uv_signal_t on_term, on_int, on_usr1, on_hup;
    uv_timer_t sync_timer;     /* every second: step records become durable, and other periodic checks */
    uv_timer_t shutdown_timer; /* shutdown_timeout: then jobs are ended without a checkpoint */
    bool stopped;
    struct bit_batch *batch;    /* --run and --requeue */
    struct bit_own_run own_run; /* of --run */
    struct bit_loop_latency latency;
    int exit_code;
};

/**
 * Lock the state folder (creating it), replay every run, open all sockets, resume the runs that had jobs.
 * Errors      BIT_EBUSY if another bitd has the folder or answers on the socket; BIT_EUSAGE; -errno
 */
int bit_daemon_init(struct bit_daemon *d);
/** Run until bit_daemon_stop was called and every job has ended. */
void bit_daemon_run(struct bit_daemon *d);
void bit_daemon_finish(struct bit_daemon *d);

/** Take last checkpoints, then stop. `why` goes into the log. A second call does nothing. */
void bit_daemon_stop(struct bit_daemon *d, const char *why);

#endif
