/* The daemon: what its parts share. */
#ifndef BIT_DAEMON_DAEMON_H
#define BIT_DAEMON_DAEMON_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/client/server.h"
#include "daemon/http/http.h"
#include "daemon/job/job.h"
#include "daemon/link/worker_link.h"
#include "daemon/own_run.h"
#include "daemon/store/runs.h"
#include "daemon/store/sweeps.h"
#include "daemon/sys/config.h"
#include "daemon/sys/env.h"
#include "daemon/sys/loop_latency.h"
#include "daemon/sys/user_threads.h"

struct bit_daemon {
    uv_loop_t loop;
    struct bit_config config;
    int lock_fd;        /* flock on STATE/lock, held as long as the daemon lives */
    struct bit_env env; /* the loop and the settings, for the layers below */
    struct bit_runs runs;
    struct bit_sweeps sweeps;
    struct bit_jobs jobs;
    struct bit_worker_link_listener links;
    struct bit_server server;
    struct bit_http http;                 /* what monitoring reads */
    struct bit_user_threads user_threads; /* what clients may make last */
    uv_signal_t on_term, on_int, on_usr1, on_hup;
    uv_timer_t sync_timer;     /* step records become durable at least every second */
    uv_timer_t shutdown_timer; /* then jobs are ended as they are */
    bool stopped;
    struct bit_batch *batch;    /* --run and --requeue; NULL without */
    struct bit_own_run own_run; /* of --run */
    struct bit_loop_latency latency;
    int exit_code;
};

/**
 * Take the state folder (creating it), replay every run, open both sockets, go on with what was running.
 * Errors      BIT_EBUSY if another bitd has the folder or answers on the socket; BIT_EUSAGE; -errno
 */
int bit_daemon_init(struct bit_daemon *d);
/** Run until it was told to stop, and every job has. */
void bit_daemon_run(struct bit_daemon *d);
void bit_daemon_finish(struct bit_daemon *d);

/** Last checkpoints, then stop, for a reason. Once more changes nothing. */
void bit_daemon_stop(struct bit_daemon *d, const char *why);

#endif
