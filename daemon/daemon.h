/* The daemon: what its parts share. */
#ifndef BIT_DAEMON_DAEMON_H
#define BIT_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/client/server.h"
#include "daemon/link/worker_link.h"
#include "daemon/sys/config.h"
#include "daemon/sys/user_threads.h"

struct bit_runner;

struct bit_daemon {
    uv_loop_t loop;
    struct bit_config config;
    int lock_fd;                /* flock on STATE/lock, held as long as the daemon lives */
    struct bit_runner **runner; /* by number, ascending */
    size_t runner_count, runner_capacity;
    uint64_t next_number;
    struct bit_worker_link_listener links;
    struct bit_server server;
    struct bit_user_threads user_threads; /* what clients may make last */
    uv_signal_t on_term, on_int, on_usr1, on_hup;
    uv_timer_t sync_timer;     /* step records become durable at least every second */
    uv_timer_t shutdown_timer; /* then jobs are ended as they are */
    bool stopping, stopped;
    struct bit_batch *batch; /* --run and --requeue; NULL without */
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

struct bit_runner *bit_daemon_find_request(struct bit_daemon *d, const char *request_id);
/** Whether this user may have one run more. Errors: BIT_EBUSY naming the limit. */
int bit_daemon_check_room(const struct bit_daemon *d, uint32_t uid);
/**
 * Make a run: its folder, its spec.pb and a journal that begins. Takes ownership of spec in every case.
 * Errors      BIT_EBUSY if there are as many as may be; -errno; nothing is left behind then
 */
int bit_daemon_add(struct bit_daemon *d, Bit__RunSpec *spec, const char *request_id, uint32_t uid, bool paused,
                   struct bit_runner **out);
/** Start what may start. To be called when a run is queued, or gives back its slot. */
void bit_daemon_schedule(struct bit_daemon *d);
/** What a worker of this launcher is given as BITD_LINK: the Unix socket's path, or "host:port" (setting `link`). */
const char *bit_daemon_link_for(const struct bit_daemon *d, Bit__Launcher launcher);
/** Last checkpoints, then stop, for a reason. Once more changes nothing. */
void bit_daemon_stop(struct bit_daemon *d, const char *why);
/** Runs that have not ended, and do not wait for anybody to resume them. */
bool bit_daemon_has_work(const struct bit_daemon *d);
/** From 1; 0 if it is not queued. */
unsigned bit_daemon_queue_position(const struct bit_daemon *d, const struct bit_runner *runner);
/** A run changed: whoever waits for it looks again. */
void bit_daemon_changed(struct bit_daemon *d, struct bit_runner *runner);

/** Wall clock in nanoseconds since 1970. */
uint64_t bit_daemon_now_ns(void);

#endif
