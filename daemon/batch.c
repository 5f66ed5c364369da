#include "daemon/batch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/launch/launch.h"
#include "daemon/launch/slurm_job.h"
#include "daemon/launch/squeue.h"
#include "daemon/store/queue.h"
#include "daemon/store/sweeps/sweep_life.h"
#include "daemon/sys/lists/argv.h"
#include "daemon/sys/processes/child_run.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("batch");

#define COMMAND_MS 30000

struct bit_batch {
    struct bit_daemon *daemon;
    uv_process_t bitctl;
    bool running;    /* bitctl runs */
    bool resuming;   /* bitctl is `bitctl resume`; when it has ended, a second one follows the run */
    bool ending;     /* bit_batch_end was called */
    uint64_t gained; /* steps of all runs when bitd began */
    bit_batch_ended *ended;
    void *arg;
};

static uint64_t count_steps(const struct bit_daemon *d)
{
    uint64_t steps = 0;

    for (size_t i = 0; i < d->runs.count; i++)
        steps += d->runs.runner[i]->run.step_max;
    return steps;
}

static void finish(struct bit_batch *b)
{
    bit_batch_ended *ended = b->ended;
    void *arg = b->arg;

    b->daemon->batch = NULL;
    free(b);
    ended(arg);
}

/* ---- requeueing */

static void on_requeued(void *arg, const struct bit_child_output *r)
{
    struct bit_batch *b = arg;
    char text[BIT_ERR_TEXT_MAX];

    bit_child_output_explain(r, "scontrol", text, sizeof text);
    if (!bit_child_output_ok(r))
        bit_error("not requeued", "job=%" PRIu64 " text=%s", bit_slurm_job_own(), text);
    finish(b);
}

static void ask_slurm(struct bit_batch *b, const char *tool, const char *const *words, bit_child_output_done *done)
{
    struct bit_argv argv = {0};

    bit_launch_slurm_tool(&b->daemon->config, tool, &argv);
    for (size_t i = 0; words[i] != NULL; i++)
        bit_argv_add(&argv, "%s", words[i]);
    bit_argv_add(&argv, "%" PRIu64, bit_slurm_job_own());
    int err = bit_argv_check(&argv);
    if (err == 0)
        err = bit_child_run(&b->daemon->loop, argv.item, COMMAND_MS, done, b);
    bit_argv_finish(&argv);
    if (err < 0)
        finish(b);
}

/* Requeues the job if squeue has it running; one that somebody cancelled is not brought back. */
static void on_asked(void *arg, const struct bit_child_output *r)
{
    static const char *const words[] = {"requeue", NULL};
    struct bit_batch *b = arg;
    struct bit_squeue q = {0};
    bool runs = bit_child_output_ok(r) && bit_squeue_parse((const char *)r->out, &q) == 0 &&
                bit_squeue_stage(&q) == BIT_SQUEUE_RUNS;

    bit_info(runs ? "requeued" : "not requeued", "job=%" PRIu64 " state=%s", bit_slurm_job_own(), q.state);
    bit_squeue_finish(&q);
    if (runs)
        ask_slurm(b, "scontrol", words, on_requeued);
    else
        finish(b);
}

static bool has_work(const struct bit_daemon *d)
{
    return bit_queue_has_work(&d->runs) || bit_sweep_life_has_work(&d->sweeps);
}

static bool should_requeue(const struct bit_batch *b)
{
    const char *tries = getenv("SLURM_RESTART_COUNT");

    if (!b->daemon->config.requeue || !has_work(b->daemon))
        return false;
    if (bit_slurm_job_own() == 0) {
        bit_warn("not requeued", "text=\"bitd runs in no Slurm job (no SLURM_JOB_ID)\"");
        return false;
    }
    if (count_steps(b->daemon) > b->gained || tries == NULL || atoi(tries) < BIT_BATCH_TRIES)
        return true;
    bit_error("not requeued", "job=%" PRIu64 " text=\"no step gained since the last requeue, the %sth\"",
              bit_slurm_job_own(), tries);
    b->daemon->exit_code = BIT_EXIT_POLICY;
    return false;
}

static void requeue_or_finish(struct bit_batch *b)
{
    static const char *const words[] = {"--noheader", "--format=" BIT_SQUEUE_FORMAT, "--jobs", NULL};

    if (should_requeue(b))
        ask_slurm(b, "squeue", words, on_asked);
    else
        finish(b);
}

/* ---- the run */

static int start_bitctl(struct bit_batch *b);

static void on_bitctl_closed(uv_handle_t *handle)
{
    struct bit_batch *b = handle->data;

    b->running = false;
    if (!b->ending && b->resuming && b->daemon->exit_code == BIT_EXIT_OK) {
        b->resuming = false;
        if (start_bitctl(b) == 0)
            return;
        bit_error("not followed", "text=%s", bit_fail_text());
    }
    if (!b->ending)
        bit_daemon_stop(b->daemon, "the run that it was started for has ended");
    else
        requeue_or_finish(b);
}

static void on_bitctl_ended(uv_process_t *process, int64_t status, int signal)
{
    struct bit_batch *b = process->data;

    if (!b->daemon->env.stopping) { /* else bitd ended bitctl, or bitctl lost bitd: its exit code is not the run's */
        b->daemon->exit_code = signal != 0 ? 128 + signal : (int)status;
        bit_info(b->resuming ? "resume answered" : "run ended", "exit=%d", b->daemon->exit_code);
    }
    uv_close((uv_handle_t *)process, on_bitctl_closed);
}

/* Beside bitd if installed, in the sibling folder in a build tree, else from PATH. */
static void find_bitctl(char *path, size_t room)
{
    static const char *const places[] = {"/bitctl", "/../ctl/bitctl"};
    char self[BIT_CONFIG_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, room, "%.*s%s", (int)(slash - self), self, places[i]);
        if (access(path, X_OK) == 0)
            return;
    }
    snprintf(path, room, "bitctl");
}

static void add_verb(const struct bit_daemon *d, const char *verb, struct bit_argv *argv)
{
    char path[BIT_CONFIG_PATH_MAX + 16];

    find_bitctl(path, sizeof path);
    bit_argv_add(argv, "%s", path);
    bit_argv_add(argv, "%s", verb);
    bit_argv_add(argv, "--socket");
    bit_argv_add(argv, "%s", d->config.socket);
}

/* `bitctl resume` for a run that failed; else `submit` or `sweep`, which also follow a run that is there already. */
static void make_command(const struct bit_daemon *d, const struct bit_runner *failed, struct bit_argv *argv)
{
    add_verb(d, failed != NULL ? "resume" : bit_own_run_is_sweep(d->config.run) ? "sweep" : "submit", argv);
    if (failed != NULL) {
        bit_argv_add(argv, "--no-wait");
        bit_argv_add(argv, "%s", failed->run.id);
        return;
    }
    bit_argv_add(argv, "--follow");
    bit_argv_add(argv, "--request-id=%s", d->own_run.request_id);
    bit_argv_add(argv, "%s", d->config.run);
}

/* bitd's own run if it has failed, else NULL. */
static const struct bit_runner *find_failed(const struct bit_daemon *d)
{
    const struct bit_runner *r = bit_runs_find_request(&d->runs, d->own_run.request_id);

    return r != NULL && !r->corrupt && r->run.state == BIT__RUN_STATE__FAILED ? r : NULL;
}

static int start_bitctl(struct bit_batch *b)
{
    struct bit_argv argv = {0};

    make_command(b->daemon, b->resuming ? find_failed(b->daemon) : NULL, &argv);
    int err = bit_argv_check(&argv);
    if (err == 0) {
        uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
                                         {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
                                         {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
        uv_process_options_t options = {
            .exit_cb = on_bitctl_ended, .file = argv.item[0], .args = argv.item, .stdio_count = 3, .stdio = stdio};
        err = uv_spawn(&b->daemon->loop, &b->bitctl, &options);
        if (err < 0)
            bit_fail(err, "%s: %s", argv.item[0], uv_strerror(err));
        b->bitctl.data = b;
        b->running = err == 0;
    }
    bit_argv_finish(&argv);
    return err;
}

int bit_batch_begin(struct bit_daemon *d, struct bit_batch **out)
{
    struct bit_batch *b = calloc(1, sizeof *b);

    if (b == NULL)
        return bit_fail(-ENOMEM, "a batch job");
    b->daemon = d;
    b->gained = count_steps(d);
    *out = b;
    b->resuming = d->config.run[0] != '\0' && find_failed(d) != NULL;
    return d->config.run[0] != '\0' ? start_bitctl(b) : 0;
}

void bit_batch_end(struct bit_batch *b, bit_batch_ended *ended, void *arg)
{
    if (b == NULL || b->ending)
        return;
    b->ending = true;
    b->ended = ended;
    b->arg = arg;
    if (b->running)
        uv_process_kill(&b->bitctl, SIGTERM); /* continues in on_bitctl_closed */
    else
        requeue_or_finish(b);
}
