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
#include "daemon/job/job.h"
#include "daemon/store/durable.h"
#include "daemon/store/folders.h"
#include "daemon/store/retain.h"
#include "daemon/store/runner.h"
#include "daemon/sys/fileio.h"
#include "daemon/sys/notify.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("daemon");

#define SYNC_MS 1000

uint64_t bit_daemon_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---------------------------------------------------------------- the table of runs */

static int keep(struct bit_daemon *d, struct bit_runner *r)
{
    if (d->runner_count == d->runner_capacity) {
        size_t capacity = d->runner_capacity ? 2 * d->runner_capacity : 16;
        struct bit_runner **grown = realloc(d->runner, capacity * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "%zu runs", capacity);
        d->runner = grown;
        d->runner_capacity = capacity;
    }
    d->runner[d->runner_count++] = r;
    return 0;
}

struct bit_runner *bit_daemon_find_request(struct bit_daemon *d, const char *request_id)
{
    for (size_t i = d->runner_count; i-- > 0;)
        if (strcmp(d->runner[i]->run.request_id, request_id) == 0)
            return d->runner[i];
    return NULL;
}

/* Ids like r3 are given by every bitd; this is nobody else's. */
static int draw_identity(char out[BIT_RUN_IDENTITY + 1])
{
    uint8_t random[BIT_RUN_IDENTITY / 2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return bit_fail(-errno, "the identity of a run: getrandom");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static int record_submitted(struct bit_runner *r, const char *request_id, uint32_t uid, bool paused)
{
    char identity[BIT_RUN_IDENTITY + 1];
    Bit__RunSubmitted m = BIT__RUN_SUBMITTED__INIT;
    int err = draw_identity(identity);
    if (err < 0)
        return err;
    m.identity = identity;
    m.run = r->run.id;
    m.request_id = (char *)(uintptr_t)request_id;
    m.uid = uid;
    m.paused = paused;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SUBMITTED;
    record.submitted = &m;
    return bit_runner_try_record(r, &record);
}

int bit_daemon_check_room(const struct bit_daemon *d, uint32_t uid)
{
    uint32_t running = 0;
    for (size_t i = 0; i < d->runner_count; i++)
        running += d->runner[i]->run.uid == uid && !bit_run_ended(&d->runner[i]->run);
    if (running >= d->config.runs_per_user)
        return bit_fail(BIT_EBUSY,
                        "uid %u has %u runs that have not ended, and runs_per_user is %u: wait for one, "
                        "cancel one, or raise it in bitd's settings",
                        uid, running, d->config.runs_per_user);
    if (d->runner_count >= BIT_RUNS_MAX)
        return bit_fail(BIT_EBUSY, "%d runs are kept, and no more: stop bitd and move old ones out of %s/runs",
                        BIT_RUNS_MAX, d->config.state);
    return 0;
}

int bit_daemon_add(struct bit_daemon *d, Bit__RunSpec *spec, const char *request_id, uint32_t uid, bool paused,
                   struct bit_runner **out)
{
    struct bit_runner *r = NULL;
    int err = bit_daemon_check_room(d, uid); /* again: others may have been checked at the same time */
    if (err < 0) {
        bit_msg_free(spec);
        return err;
    }
    err = bit_runner_create(d, d->next_number, spec, &r);
    if (err < 0)
        return err;
    err = record_submitted(r, request_id, uid, paused);
    if (err == 0)
        err = keep(d, r);
    if (err < 0) {
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return err;
    }
    d->next_number++;
    bit_info("submitted", "run=%s name=%s uid=%u", r->run.id, r->run.spec->name ? r->run.spec->name : r->run.id, uid);
    *out = r;
    return 0;
}

void bit_daemon_changed(struct bit_daemon *d, struct bit_runner *runner)
{
    bit_server_changed(&d->server, runner);
}

/* ---------------------------------------------------------------- slots */

static uint32_t slots_taken(const struct bit_daemon *d)
{
    uint32_t taken = 0;
    for (size_t i = 0; i < d->runner_count; i++)
        taken += d->runner[i]->job != NULL;
    return taken;
}

bool bit_daemon_has_work(const struct bit_daemon *d)
{
    for (size_t i = 0; i < d->runner_count; i++) {
        const struct bit_runner *r = d->runner[i];
        if (!r->corrupt && !bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__PAUSED)
            return true;
    }
    return false;
}

static void on_batch_ended(void *arg)
{
    struct bit_daemon *d = arg;
    d->stopped = true;
    uv_stop(&d->loop);
}

static void check_stopped(struct bit_daemon *d)
{
    if (d->stopping && slots_taken(d) == 0)
        bit_batch_end(d->batch, on_batch_ended, d);
}

/* First come, first served: by number, which an interrupted run keeps. */
void bit_daemon_schedule(struct bit_daemon *d)
{
    uint32_t taken = slots_taken(d);
    for (size_t i = 0; i < d->runner_count && taken < d->config.slots && !d->stopping; i++) {
        struct bit_runner *r = d->runner[i];
        if (r->corrupt || r->job != NULL || r->run.state != BIT__RUN_STATE__QUEUED)
            continue;
        if (bit_job_start(r) < 0)
            bit_error("not started", "run=%s text=%s", r->run.id, bit_fail_text());
        else
            taken++;
    }
    check_stopped(d);
}

/* Ranks that mpirun starts are on this host, unless it was told otherwise; those of srun may be anywhere. */
const char *bit_daemon_link_for(const struct bit_daemon *d, Bit__Launcher launcher)
{
    const char *address = bit_worker_link_address(&d->links);
    bool tcp = d->config.link_kind == BIT_LINK_TCP ||
               (d->config.link_kind == BIT_LINK_AUTO && launcher != BIT__LAUNCHER__MPIRUN);
    return tcp && address != NULL ? address : d->config.link;
}

unsigned bit_daemon_queue_position(const struct bit_daemon *d, const struct bit_runner *runner)
{
    unsigned position = 0;
    if (runner->run.state != BIT__RUN_STATE__QUEUED)
        return 0;
    for (size_t i = 0; i < d->runner_count; i++) {
        position += d->runner[i]->run.state == BIT__RUN_STATE__QUEUED;
        if (d->runner[i] == runner)
            break;
    }
    return position;
}

/* ---------------------------------------------------------------- going down */

static void on_shutdown_late(uv_timer_t *timer)
{
    struct bit_daemon *d = timer->data;
    for (size_t i = 0; i < d->runner_count; i++)
        if (d->runner[i]->job != NULL)
            bit_job_end(d->runner[i]->job, 0, "bitd could not wait any longer");
}

void bit_daemon_stop(struct bit_daemon *d, const char *why)
{
    if (d->stopping)
        return;
    bit_info("stopping", "why=\"%s\" jobs=%u", why, slots_taken(d));
    d->stopping = true;
    bit_notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)d->config.shutdown_ms * 1000);
    uv_timer_start(&d->shutdown_timer, on_shutdown_late, d->config.shutdown_ms, 0);
    for (size_t i = 0; i < d->runner_count; i++)
        if (d->runner[i]->job != NULL)
            bit_job_shutdown(d->runner[i]->job);
    check_stopped(d);
}

static void on_stop_signal(uv_signal_t *handle, int signal)
{
    struct bit_daemon *d = handle->data;
    if (d->stopping && signal != SIGUSR1) { /* told twice: it is meant */
        bit_info("told again", "signal=%d", signal);
        on_shutdown_late(&d->shutdown_timer);
        return;
    }
    bit_daemon_stop(d, strsignal(signal));
}

/* Only what may change under a living daemon. */
static void on_hangup(uv_signal_t *handle, int signal)
{
    struct bit_daemon *d = handle->data;
    struct bit_config fresh = d->config;
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

static void on_sync(uv_timer_t *timer)
{
    struct bit_daemon *d = timer->data;
    bit_notify_alive();
    for (size_t i = 0; i < d->runner_count; i++)
        bit_durable_tick(d->runner[i]);
}

/* ---------------------------------------------------------------- coming up */

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
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return bit_fail(BIT_EBUSY, "another bitd has the state folder %s; bitctl version asks it who it is",
                        d->config.state);
    return bit_fail(-errno, "%s: %s", path, strerror(errno));
}

static int load_one(struct bit_daemon *d, uint64_t number)
{
    struct bit_runner *r = NULL;
    int err = bit_runner_load(d, number, &r);
    d->next_number = BIT_MAX(d->next_number, number + 1);
    if (err < 0) {
        bit_error("run not loaded", "run=r%" PRIu64 " text=%s", number, bit_fail_text());
        return err == -ENOMEM ? err : 0;
    }
    if (!r->corrupt && r->run.seq == 0) { /* it was never answered: a crash in the middle of a submission */
        bit_warn("half-made run removed", "run=%s", r->run.id);
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return 0;
    }
    bit_retain_finish(r);
    return keep(d, r);
}

static int load_runs(struct bit_daemon *d)
{
    char runs[BIT_CONFIG_PATH_MAX + 16];
    uint64_t *numbers = NULL, begun = uv_hrtime();
    size_t count = 0;
    snprintf(runs, sizeof runs, "%s/runs", d->config.state);
    int err = bit_folders_list(runs, &numbers, &count);
    for (size_t i = 0; i < count && err == 0; i++)
        err = load_one(d, numbers[i]);
    free(numbers);
    if (err == 0)
        bit_info("replayed", "runs=%zu ms=%.1f", d->runner_count, (double)(uv_hrtime() - begun) / 1e6);
    return err;
}

static void resume_runs(struct bit_daemon *d)
{
    for (size_t i = 0; i < d->runner_count; i++)
        if (!d->runner[i]->corrupt && bit_run_active(&d->runner[i]->run) && bit_job_resume(d->runner[i]) < 0)
            bit_error("not resumed", "run=%s text=%s", d->runner[i]->run.id, bit_fail_text());
    bit_daemon_schedule(d);
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

int bit_daemon_init(struct bit_daemon *d)
{
    d->lock_fd = -1;
    d->next_number = 1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write(2), as a full disk is */
    umask(077);
    raise_file_limit();
    int err = uv_loop_init(&d->loop);
    if (err < 0)
        return bit_fail(err, "the event loop: %s", uv_strerror(err));
    err = bit_user_threads_init(&d->user_threads, &d->loop);
    if (err < 0)
        return bit_fail(err, "the threads of users: %s", uv_strerror(err));
    err = take_state_folder(d);
    if (err == 0)
        err = load_runs(d);
    if (err < 0)
        return err;
    start_handles(d);
    err = bit_worker_link_listen(&d->links, &d->loop, d->config.link, &bit_job_link_ops, d);
    if (err == 0 && d->config.listen[0] != '\0')
        err = listen_tcp(d);
    if (err == 0)
        err = bit_server_listen(&d->server, d);
    if (err < 0)
        return err;
    bit_info("listening", "socket=%s state=%s slots=%u pid=%d", d->config.socket, d->config.state, d->config.slots,
             getpid());
    resume_runs(d);
    err = bit_batch_begin(d, &d->batch);
    if (err < 0)
        return err;
    bit_notify("READY=1\nSTATUS=%zu runs\n", d->runner_count);
    return 0;
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

/* Every handle closes, and what was begun on the thread pool ends, before a runner goes. libuv removes the sockets. */
void bit_daemon_finish(struct bit_daemon *d)
{
    bit_server_close(&d->server);
    bit_worker_link_listener_close(&d->links);
    close_own_handles(d);
    for (size_t i = 0; i < d->runner_count; i++)
        uv_unref((uv_handle_t *)&d->runner[i]->retry);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    bit_user_threads_close(&d->user_threads);
    for (size_t i = 0; i < d->runner_count; i++)
        bit_runner_destroy(d->runner[i]);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    BIT_ASSERT(uv_loop_close(&d->loop) == 0);
    free(d->runner);
    close(d->lock_fd);
}
