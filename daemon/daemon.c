#include "daemon/daemon.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/batch.h"
#include "daemon/client/sweep/sweep_change.h"
#include "daemon/job/admit.h"
#include "daemon/job/control.h"
#include "daemon/job/life.h"
#include "daemon/launch/launchable.h"
#include "daemon/store/queue.h"
#include "daemon/store/retention/checkpoint_retention.h"
#include "daemon/store/retention/removal.h"
#include "daemon/store/runs/durable.h"
#include "daemon/store/sweeps/sweep_life.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/files/log_file.h"
#include "daemon/sys/notify.h"
#include "daemon/sys/processes/hooks.h"
#include "daemon/sys/settings/allow.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("daemon");

#define SYNC_MS       1000
#define LOCK_TEXT_MAX 384

/* ---- slots */

static void on_batch_ended(void *arg)
{
    struct bit_daemon *d = arg;

    d->stopped = true;
    uv_stop(&d->loop);
}

static void check_stopped(struct bit_daemon *d)
{
    if (d->env.stopping && bit_runs_slots_taken(&d->runs) == 0)
        bit_batch_end(d->batch, on_batch_ended, d);
}

static int check_launchable(const struct bit_daemon *d, const struct bit_runner *r)
{
    if (!bit_own_run_excludes(&d->own_run, r)) {
        if (bit_allow_launch(&d->config, r->run.spec, bit_runner_is_own(r)) < 0)
            return 0; /* waiting does not help where a setting forbids it: the launch fails and reports that */
        return bit_launchable(&d->config, r->run.spec);
    }
    if (d->config.run[0] == '\0')
        return bit_fail(
            BIT_EBUSY,
            "it is the run of another Slurm job (%s); that job, or `sbatch` or `bitd --run` of its specification, "
            "goes on with it",
            r->run.request_id);
    return bit_fail(
        BIT_EBUSY,
        "this bitd was started for another run (--run %s); `bitd --run` of its own specification, or a bitd "
        "without --run, goes on with it",
        d->config.run);
}

/* Whether the run cannot be launched here; the reason goes into r->withheld. The run stays queued: another bitd may
 * launch it, or this one later. */
static bool withhold(void *owner, struct bit_runner *r)
{
    const char *why = check_launchable(owner, r) < 0 ? bit_fail_text() : "";
    char was[sizeof r->withheld];

    memcpy(was, r->withheld, sizeof was);
    bit_format(r->withheld, sizeof r->withheld, "%s", why);
    if (strcmp(was, r->withheld) != 0) {
        bit_info(why[0] ? "not launched here" : "can be launched", "run=%s text=%s", r->run.id, r->withheld);
        bit_runner_changed(r);
    }
    return r->withheld[0] != '\0';
}

/* Cancels queued runs that wait for the completion of a run that ended otherwise. In order of number, so that runs that
 * wait for these are cancelled in the same pass. */
static void cancel_hopeless(struct bit_daemon *d)
{
    for (size_t i = 0; i < d->runs.count; i++) {
        struct bit_runner *r = d->runs.runner[i];
        char why[BIT_RUN_REASON_MAX];
        if (bit_queue_is_hopeless(r, why, sizeof why))
            bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "%s", why);
    }
}

/* Starts queued runs in free slots: by priority, then by number, which an interrupted run keeps. */
static void schedule(void *owner)
{
    struct bit_daemon *d = owner;
    uint32_t taken = bit_runs_slots_taken(&d->runs);
    struct bit_runner **queued = NULL;
    size_t count = 0;

    if (!d->env.stopping)
        cancel_hopeless(d);
    if (!d->env.stopping && taken < d->config.slots && bit_queue_list(&d->runs, &queued, &count) < 0)
        bit_error("queue not looked at", "text=%s", bit_fail_text());
    for (size_t i = 0; i < count && taken < d->config.slots; i++) {
        struct bit_runner *r = queued[i];
        if (withhold(d, r))
            continue;
        if (bit_life_start(&d->jobs, r) < 0)
            bit_error("not started", "run=%s text=%s", r->run.id, bit_fail_text());
        else
            taken++;
    }
    free(queued);
    check_stopped(d);
}

/* ---- callbacks of runs */

static void on_changed(void *owner, struct bit_runner *r)
{
    struct bit_daemon *d = owner;

    bit_server_changed(&d->server, r);
    if (r->run.sweep[0] != '\0')
        bit_sweep_life_look_soon(&d->sweeps);
}

static void on_sweep_changed(void *owner, const struct bit_sweep *s)
{
    bit_server_sweep_changed(&((struct bit_daemon *)owner)->server, s->id);
}

static void on_blocked(void *owner, struct bit_runner *r)
{
    if (r->job != NULL)
        bit_control_blocked(r->job);
}

static void on_unblocked(void *owner, struct bit_runner *r)
{
    if (r->job != NULL)
        bit_control_unblocked(r->job);
    else
        bit_runs_schedule(r->runs); /* others may wait for its end, which is on disk now */
}

static void on_unwritable(void *owner, struct bit_runner *r, int err, const char *why)
{
    if (r->job != NULL)
        bit_job_end(r->job, err, "%s", why);
}

static const struct bit_runner_ops runner_ops = {on_changed, on_blocked, on_unblocked, on_unwritable, schedule};

/* ---- shutdown */

static void on_shutdown_late(uv_timer_t *timer)
{
    struct bit_daemon *d = timer->data;

    for (size_t i = 0; i < d->runs.count; i++)
        if (d->runs.runner[i]->job != NULL)
            bit_job_end(d->runs.runner[i]->job, 0, "bitd could not wait any longer");
}

void bit_daemon_stop(struct bit_daemon *d, const char *why)
{
    if (d->env.stopping)
        return;
    bit_info("stopping", "why=\"%s\" jobs=%u", why, bit_runs_slots_taken(&d->runs));
    d->env.stopping = true;
    bit_notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)d->config.shutdown_ms * 1000);
    uv_timer_start(&d->shutdown_timer, on_shutdown_late, d->config.shutdown_ms, 0);
    for (size_t i = 0; i < d->runs.count; i++)
        if (d->runs.runner[i]->job != NULL)
            bit_control_shutdown(d->runs.runner[i]->job);
    check_stopped(d);
}

static void stop_all(void *owner, const char *why)
{
    bit_daemon_stop(owner, why);
}

static void on_stop_signal(uv_signal_t *handle, int signal)
{
    struct bit_daemon *d = handle->data;

    if (d->env.stopping && signal != SIGUSR1) { /* the second signal: do not wait for checkpoints */
        bit_info("told again", "signal=%d", signal);
        on_shutdown_late(&d->shutdown_timer);
        return;
    }
    bit_daemon_stop(d, strsignal(signal));
}

/* Reopens the log, which may have been renamed, and reads log_level again, the only setting that may change at run
 * time. */
static void on_hangup(uv_signal_t *handle, int signal)
{
    struct bit_daemon *d = handle->data;
    struct bit_config fresh = d->config;

    if (d->config.log[0] != '\0' && bit_log_file_open(d->config.log) < 0)
        bit_error("log not opened again", "text=%s", bit_fail_text());
    if (d->config.file[0] == '\0')
        return;
    if (bit_config_load(&fresh, d->config.file) < 0) {
        bit_error("configuration not read again", "text=%s", bit_fail_text());
        return;
    }
    d->config.log_level = fresh.log_level;
    bit_log_init(d->config.log_level);
    bit_info("configuration read again", "file=%s", d->config.file);
}

/* Stops bitd: a batch job must not hold its nodes for a run that cannot be launched in it. */
static void give_own_run_up(struct bit_daemon *d, const struct bit_runner *r)
{
    bit_error("not launched here", "run=%s text=%s", r->run.id, r->withheld);
    d->exit_code = BIT_EXIT_LAUNCH;
    bit_daemon_stop(d, "the run that it was started for cannot be launched here; it is left in the queue");
}

/* Whether a queued run waits for others. Polled, because the end of a sweep, whose last branch may never become a run,
 * triggers no callback. */
static bool waits_for_others(const struct bit_daemon *d)
{
    for (size_t i = 0; i < d->runs.count; i++)
        if (d->runs.runner[i]->run.state == BIT__RUN_STATE__QUEUED && d->runs.runner[i]->run.after.count > 0)
            return true;
    return false;
}

/* Polled, because nothing notifies bitd when a program or a device appears. */
static void look_at_withheld(struct bit_daemon *d)
{
    bool may = false;

    for (size_t i = 0; i < d->runs.count && !d->env.stopping; i++) {
        struct bit_runner *r = d->runs.runner[i];
        if (!bit_runner_is_withheld(r))
            continue;
        may |= !withhold(d, r);
        if (bit_runner_is_withheld(r) && bit_own_run_is(&d->own_run, r))
            give_own_run_up(d, r);
    }
    if (may)
        schedule(d);
}

static void on_sync(uv_timer_t *timer)
{
    struct bit_daemon *d = timer->data;

    bit_notify_alive();
    for (size_t i = 0; i < d->runs.count; i++)
        bit_durable_tick(d->runs.runner[i]);
    look_at_withheld(d);
    if (waits_for_others(d))
        schedule(d);
    bit_sweep_change_finish(&d->sweeps);
    bit_sweep_life_look(&d->sweeps);
    bit_server_look(&d->server);
    bit_http_look(&d->http);
}

/* ---- start */

/* Writes who has the folder, for the error message of a second bitd. If that fails, the lock holds all the same. */
static void sign_lock(int fd)
{
    char text[LOCK_TEXT_MAX], host[256] = "";
    const char *job = getenv("SLURM_JOB_ID");

    gethostname(host, sizeof host - 1);
    int bytes = snprintf(text, sizeof text, "process %d on %s%s%.32s", getpid(), host, job ? ", in Slurm job " : "",
                         job ? job : "");
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)bytes, 0) != bytes)
        bit_warn("lock not signed", "text=\"%s\"", strerror(errno));
}

static int fail_locked(const struct bit_daemon *d)
{
    char text[LOCK_TEXT_MAX + 2] = ": ";
    ssize_t bytes = pread(d->lock_fd, text + 2, LOCK_TEXT_MAX - 1, 0);

    text[bytes > 0 ? bytes + 2 : 0] = '\0';
    return bit_fail(BIT_EBUSY, "another bitd has the state folder %s%s; `bitctl version --state %s` asks it there",
                    d->config.state, text, d->config.state);
}

static int take_state_folder(struct bit_daemon *d)
{
    char path[BIT_CONFIG_PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/runs", d->config.state);
    int err = bit_dir_make(path);
    if (err < 0)
        return err;
    snprintf(path, sizeof path, "%s/lock", d->config.state);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        sign_lock(d->lock_fd);
        return 0;
    }
    return errno == EWOULDBLOCK ? fail_locked(d) : bit_fail(-errno, "%s: %s", path, strerror(errno));
}

static void resume_runs(struct bit_daemon *d)
{
    for (size_t i = 0; i < d->runs.count; i++)
        if (!d->runs.runner[i]->corrupt && bit_run_active(&d->runs.runner[i]->run) &&
            bit_life_resume(&d->jobs, d->runs.runner[i]) < 0)
            bit_error("not resumed", "run=%s text=%s", d->runs.runner[i]->run.id, bit_fail_text());
    schedule(d);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void start_handles(struct bit_daemon *d)
{
    struct {
        uv_signal_t *handle;
        int signal;
        uv_signal_cb call;
    } signals[] = {{&d->on_term, SIGTERM, on_stop_signal},
                   {&d->on_int, SIGINT, on_stop_signal},
                   {&d->on_usr1, SIGUSR1, on_stop_signal},
                   {&d->on_hup, SIGHUP, on_hangup}};
    for (size_t i = 0; i < BIT_COUNT(signals); i++) {
        uv_signal_init(&d->loop, signals[i].handle);
        signals[i].handle->data = d;
        uv_signal_start(signals[i].handle, signals[i].call, signals[i].signal);
    }
    uv_timer_init(&d->loop, &d->sync_timer);
    uv_timer_init(&d->loop, &d->shutdown_timer);
    d->sync_timer.data = d->shutdown_timer.data = d;
    uv_timer_start(&d->sync_timer, on_sync, SYNC_MS, SYNC_MS);
}

static int listen_tcp(struct bit_daemon *d)
{
    char kept[BIT_CONFIG_PATH_MAX + 16];

    snprintf(kept, sizeof kept, "%s/link.port", d->config.state);
    return bit_worker_link_listen_tcp(&d->links, d->config.listen, d->config.advertise, kept);
}

static int begin_loop(struct bit_daemon *d)
{
    int err = uv_loop_init(&d->loop);

    if (err < 0)
        return bit_fail(err, "the event loop: %s", uv_strerror(err));
    err = bit_loop_latency_init(&d->latency, &d->loop);
    if (err < 0)
        return bit_fail(err, "the event loop's times: %s", uv_strerror(err));
    d->env.latency = &d->latency;
    d->env.began_ns = bit_walltime_ns();
    d->env.hooks = bit_hooks_create(&d->loop, &d->config);
    if (d->env.hooks == NULL)
        return -ENOMEM;
    err = bit_user_threads_init(&d->user_threads, &d->loop);
    return err < 0 ? bit_fail(err, "the threads of users: %s", uv_strerror(err)) : 0;
}

static int load_state(struct bit_daemon *d)
{
    int err = take_state_folder(d);

    if (err == 0)
        err = bit_runs_load(&d->runs);
    if (err == 0)
        err = bit_sweeps_load(&d->sweeps);
    if (err < 0)
        return err;
    bit_checkpoint_retention_finish(&d->runs);
    bit_removal_resume(&d->runs);
    return 0;
}

static int listen_all(struct bit_daemon *d)
{
    int err = bit_worker_link_listen(&d->links, &d->loop, d->config.link, &bit_admit_link_ops, &d->jobs);

    if (err == 0 && d->config.listen[0] != '\0')
        err = listen_tcp(d);
    if (err == 0)
        err = bit_server_listen(&d->server, &d->env, &d->runs, &d->sweeps, &d->user_threads);
    if (err == 0)
        err = bit_http_open(&d->http, &d->server.clients, &d->server.access);
    if (err == 0)
        bit_info("listening", "socket=%s state=%s slots=%u pid=%d", d->config.socket, d->config.state, d->config.slots,
                 getpid());
    return err;
}

/* What an earlier bitd was doing, and what may begin now. */
static int go_on(struct bit_daemon *d)
{
    int err = bit_own_run_choose(&d->runs, &d->sweeps, &d->own_run);

    if (err < 0)
        return err;
    resume_runs(d);
    bit_sweep_change_finish(&d->sweeps);
    bit_sweep_life_look(&d->sweeps);
    bit_own_run_tell_others(&d->own_run, &d->runs);
    return bit_batch_begin(d, &d->batch);
}

int bit_daemon_init(struct bit_daemon *d)
{
    d->lock_fd = -1;
    d->env = (struct bit_env){.loop = &d->loop, .config = &d->config};
    d->jobs = (struct bit_jobs){&d->runs, &d->links, stop_all, withhold, d};
    bit_runs_init(&d->runs, &d->env, &runner_ops, d);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit becomes an error of write(2), as a full disk is */
    umask(077);
    raise_file_limit();
    int err = begin_loop(d);
    if (err < 0)
        return err;
    bit_sweeps_init(&d->sweeps, &d->env, &d->runs, on_sweep_changed, d);
    start_handles(d); /* first: a signal that arrives during the replay is handled after it */
    err = load_state(d);
    if (err == 0)
        err = listen_all(d);
    if (err == 0)
        err = go_on(d);
    if (err == 0)
        bit_notify("READY=1\nSTATUS=%zu runs\n", d->runs.count);
    return err;
}

void bit_daemon_run(struct bit_daemon *d)
{
    while (!d->stopped)
        uv_run(&d->loop, UV_RUN_DEFAULT);
}

static void close_own_handles(struct bit_daemon *d)
{
    uv_close((uv_handle_t *)&d->sync_timer, NULL);
    uv_close((uv_handle_t *)&d->shutdown_timer, NULL);
    uv_close((uv_handle_t *)&d->on_term, NULL);
    uv_close((uv_handle_t *)&d->on_int, NULL);
    uv_close((uv_handle_t *)&d->on_usr1, NULL);
    uv_close((uv_handle_t *)&d->on_hup, NULL);
}

/* Every handle is closed, and all work on the thread pool has ended, before a runner is freed. */
void bit_daemon_finish(struct bit_daemon *d)
{
    bit_http_close(&d->http);
    bit_server_close(&d->server);
    bit_worker_link_listener_close(&d->links);
    close_own_handles(d);
    bit_loop_latency_close(&d->latency);
    bit_sweeps_close(&d->sweeps);
    bit_hooks_destroy(d->env.hooks);
    d->env.hooks = NULL;
    bit_runs_unref(&d->runs);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    bit_user_threads_close(&d->user_threads);
    bit_sweeps_finish(&d->sweeps);
    bit_runs_finish(&d->runs);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    BIT_ASSERT(uv_loop_close(&d->loop) == 0);
    close(d->lock_fd);
}
