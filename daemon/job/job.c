#include "daemon/job/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/checkpoints/partials.h"
#include "daemon/sys/processes/proc.h"
#include "daemon/sys/processes/reap.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/secret.h"

BIT_LOG_TOPIC("job");

#define SRUN_GRACE_MS 300 /* ranks were gone 10 ms after srun was told, measured with one node of the step cut off */

static void settle_if_idle(struct bit_job *job);

/* ---- life of the struct */

struct bit_job *bit_job_create(const struct bit_jobs *jobs, const struct bit_job_ops *ops, struct bit_runner *r)
{
    BIT_ASSERT(r->job == NULL);
    struct bit_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->jobs = jobs;
    job->ops = ops;
    job->runner = r;
    uv_timer_init(r->env->loop, &job->deadline);
    uv_timer_init(r->env->loop, &job->checkpoint_retry);
    uv_timer_init(r->env->loop, &job->read_retry);
    uv_timer_init(r->env->loop, &job->watch.tick);
    uv_timer_init(r->env->loop, &job->examine.limit);
    uv_fs_event_init(r->env->loop, &job->examine.change);
    job->deadline.data = job->checkpoint_retry.data = job->read_retry.data = job;
    job->watch.tick.data = job->examine.limit.data = job->examine.change.data = job;
    job->handles = 6;
    r->job = job;
    return job;
}

static void on_closed(uv_handle_t *handle)
{
    struct bit_job *job = handle->data;

    if (--job->handles == 0)
        free(job);
}

/* The launch is over: its secret must admit no worker any more. */
static void forget_secret(struct bit_job *job)
{
    char *path = bit_runner_path(job->runner, "secret");

    if (path != NULL)
        unlink(path);
    free(path);
    bit_secret_wipe(job->secret, sizeof job->secret);
}

void bit_job_destroy(struct bit_job *job)
{
    BIT_ASSERT(!job->loading && !job->committing && !job->tidying && !job->reaping && job->link == NULL &&
               job->launch == NULL);
    forget_secret(job);
    job->runner->job = NULL;
    bit_payload_destroy(job->payload);
    bit_task_requests_finish(&job->requests);
    bit_feed_destroy(job->feed);
    bit_places_finish(&job->places);
    if (job->runner->env->stopping) /* keep the nodes until bitd is back */
        bit_slurm_job_leave(job->slurm_job);
    else
        bit_slurm_job_release(job->slurm_job);
    bit_guard_finish(&job->guard);
    uv_close((uv_handle_t *)&job->deadline, on_closed);
    uv_close((uv_handle_t *)&job->checkpoint_retry, on_closed);
    uv_close((uv_handle_t *)&job->read_retry, on_closed);
    uv_close((uv_handle_t *)&job->watch.tick, on_closed);
    uv_close((uv_handle_t *)&job->examine.limit, on_closed);
    uv_close((uv_handle_t *)&job->examine.change, on_closed);
    bit_watch_free(job);
    bit_tally_finish(&job->tally);
}

__attribute__((format(printf, 3, 0))) static void note_cause(struct bit_job *job, int err, const char *fmt,
                                                             va_list args)
{
    if (job->cause.known)
        return;
    job->cause.known = true;
    job->cause.err = err;
    bit_vformat(job->cause.text, sizeof job->cause.text, fmt, args);
}

void bit_job_forget_launch(struct bit_job *job)
{
    forget_secret(job);
    job->cause = (struct bit_job_cause){0};
    job->done = job->ready = job->stood = job->reconnected = job->launcher_ended = job->tidy = false;
    job->outstanding = 0;
    bit_tally_finish(&job->tally);
    job->exit_status = job->exit_signal = 0;
    job->section[0] = '\0';
    job->sequence = (struct bit_order_sequence){0};
    bit_guard_finish(&job->guard); /* the next launch may have other nodes */
    bit_payload_destroy(job->payload);
    bit_task_requests_finish(&job->requests);
    job->payload = NULL;
    job->read_error[0] = '\0';
}

/* ---- ending */

static bool is_idle(const struct bit_job *job)
{
    return !job->loading && !job->committing && !job->tidying && !job->reaping &&
           (job->launch == NULL || job->launcher_ended);
}

void bit_job_remove_leftovers(struct bit_job *job)
{
    bit_leftovers_remove(&job->leftovers, BIT_MAX(job->watch.ranks, job->runner->run.spec->launch->ranks));
}

static void on_tidy(void *arg)
{
    struct bit_job *job = arg;

    job->tidying = false;
    job->tidy = true;
    settle_if_idle(job);
}

/* Settle incomplete checkpoints before the run's end is reported, so that neither clients nor a later bitd see them. */
static void begin_tidying(struct bit_job *job)
{
    job->tidying = bit_partials_start(job->runner, on_tidy, job) == 0;
    if (job->tidying)
        return;
    bit_warn("half checkpoints stay", "run=%s text=%s", job->runner->run.id, bit_fail_text());
    on_tidy(job);
}

static void settle_if_idle(struct bit_job *job)
{
    if (job->phase != BIT_JOB_ENDING || !is_idle(job))
        return;
    bit_launch_destroy(job->launch);
    job->launch = NULL;
    bit_job_remove_leftovers(job);
    if (job->tidy)
        job->ops->settle(job);
    else
        begin_tidying(job);
}

void bit_job_swept(void *arg)
{
    struct bit_job *job = arg;

    job->reaping = false;
    settle_if_idle(job);
}

/* Before they are ended, because it reads their environment. */
void bit_job_note_leftovers(struct bit_job *job, const struct bit_proc_job *processes)
{
    int32_t pid[64];
    const struct bit_run *run = &job->runner->run;

    if (run->spec->launch->launcher != BIT__LAUNCHER__MPIRUN)
        return;
    int count = bit_proc_find(processes, pid, BIT_COUNT(pid));
    for (int i = 0; i < count; i++)
        bit_leftovers_note(&job->leftovers, pid[i]);
    if (job->launch != NULL || run->launch.launched)
        bit_leftovers_note_launcher(&job->leftovers,
                                    job->launch != NULL ? bit_launch_pid(job->launch) : run->launch.pid);
    else if (count > 0) /* an earlier bitd was killed before it journalled the launch; mpirun is the oldest process */
        bit_leftovers_note_launcher(&job->leftovers, pid[0]);
}

/* Every process of the job must be gone before anything else is decided. */
static void begin_ending(struct bit_job *job)
{
    if (job->phase == BIT_JOB_ENDING)
        return;
    struct bit_runner *r = job->runner;
    bool hurry = r->run.state == BIT__RUN_STATE__CANCELLING && !job->done;
    job->phase = BIT_JOB_ENDING;
    job->ready = false;
    atomic_store(&job->stop_reading, true);
    if (job->slurm_job != NULL)
        bit_slurm_job_pause(job->slurm_job);
    uv_timer_stop(&job->deadline);
    uv_timer_stop(&job->checkpoint_retry);
    uv_timer_stop(&job->read_retry);
    bit_examine_stop(job);
    bit_watch_end(job);
    if (job->link != NULL)
        bit_worker_link_close(job->link);
    job->link = NULL;
    const struct bit_proc_job processes = {
        .run = r->run.id, .link = r->env->config->link, .session = job->launch ? bit_launch_pid(job->launch) : 0};
    uint64_t grace_ms = r->env->config->grace_ms;
    if (job->slurm_job != NULL &&
        !job->done) /* srun ends ranks at once when told to, and then waits for nodes that may be lost */
        grace_ms = BIT_MIN(grace_ms, (uint64_t)SRUN_GRACE_MS);
    else if (hurry)
        grace_ms = BIT_MIN(grace_ms, (uint64_t)1000);
    bit_job_note_leftovers(job, &processes);
    int err = bit_reap_start(r->env->loop, &processes, grace_ms, bit_job_swept, job);
    BIT_ASSERT(err == 0);
    job->reaping = true;
}

void bit_job_end(struct bit_job *job, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    note_cause(job, err, fmt, args);
    va_end(args);
    begin_ending(job);
}

void bit_job_end_as_logged(struct bit_job *job)
{
    begin_ending(job);
}

void bit_job_loaded(struct bit_job *job)
{
    job->loading = false;
    settle_if_idle(job);
}

void bit_job_committed(struct bit_job *job)
{
    job->committing = false;
    bit_job_hold(job);
    settle_if_idle(job);
}

void bit_job_launcher_ended(void *arg, int64_t status, int signal)
{
    struct bit_job *job = arg;

    job->launcher_ended = true;
    job->exit_status = status;
    job->exit_signal = signal;
    bit_info("launcher ended", "run=%s status=%" PRId64 " signal=%d", job->runner->run.id, status, signal);
    if (job->phase == BIT_JOB_ENDING) {
        settle_if_idle(job);
        return;
    }
    if (job->link == NULL || job->done)
        begin_ending(job);
    else /* the worker's last messages say more than the exit code: read the link to its end */
        bit_job_set_deadline(job, job->runner->env->config->grace_ms);
}

/* ---- the link */

void bit_job_connected(struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;

    bit_job_hold(job);
    job->phase = job->reconnected ? BIT_JOB_TRAINING : BIT_JOB_STARTING;
    bit_job_set_deadline(job, job->reconnected ? config->long_ms : config->start_ms);
}

/* An error of bitd's own checks, or a record that the seal refuses: too long, or damaged although TCP checked it. A
 * link that was only cut has a system error. */
static bool is_fault(int err)
{
    return err <= BIT_EUSAGE || err == -EBADMSG;
}

void bit_job_lost_link(struct bit_job *job, int err)
{
    struct bit_runner *r = job->runner;

    job->link = NULL;
    job->ready = false;
    if (job->launcher_ended || job->done || job->cause.by_mpi) {
        if (job->launcher_ended)
            begin_ending(job);
        return; /* otherwise its end is awaited, with a deadline */
    }
    if (is_fault(err)) {
        bit_job_end(job, err, "the worker sent an invalid message: %s", bit_fail_text());
        return;
    }
    bit_warn("link lost", "run=%s err=%s step=%" PRIu64, r->run.id, bit_strerror(err), r->run.step);
    job->promised = BIT_MAX(job->promised, job->sequence.sent);
    job->phase = BIT_JOB_DETACHED;
    bit_job_set_deadline(job, r->env->config->reconnect_ms);
}

/* While the journal is blocked or a checkpoint is being named, nothing is read: later messages must wait. */
void bit_job_hold(struct bit_job *job)
{
    if (job->link != NULL)
        bit_worker_link_hold(job->link, job->committing || bit_runner_is_blocked(job->runner));
}

/* ---- time */

/* Ranks that are done have finished all collective work, so the others must be about to. */
bool bit_job_waits_for_rest(const struct bit_job *job, uint32_t *first)
{
    return bit_job_awaits_done(job, first) &&
           bit_tally_missing(&job->tally, job->runner->run.step, job->stop_reason, first) < job->tally.ranks;
}

uint64_t bit_job_limit_ms(const struct bit_job *job)
{
    uint32_t first;

    return bit_job_waits_for_rest(job, &first) ? job->runner->env->config->stall_ms : bit_watch_limit_ms(job);
}

static void on_deadline(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;

    if (job->done || job->launcher_ended || job->cause.by_mpi)
        begin_ending(job);
    else
        job->ops->late(job);
}

void bit_job_set_deadline(struct bit_job *job, uint64_t ms)
{
    uv_timer_start(&job->deadline, on_deadline, ms, 0);
}

bool bit_job_waits_to_launch(const struct bit_job *job, double *s)
{
    if (job->phase != BIT_JOB_WAITING)
        return false;
    *s = (double)uv_timer_get_due_in(&job->deadline) / 1000;
    return true;
}

void bit_job_expect(struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;

    if (job->launcher_ended)
        return;
    if (job->done && bit_runner_is_blocked(job->runner)) /* the ranks wait until it is written */
        uv_timer_stop(&job->deadline);
    else if (job->done || job->cause.by_mpi)
        bit_job_set_deadline(job, 2 * config->grace_ms);
    else if (job->phase == BIT_JOB_TRAINING && job->outstanding > 0 && !bit_runner_is_blocked(job->runner))
        bit_job_set_deadline(job, bit_job_limit_ms(job));
    else if (job->phase == BIT_JOB_TRAINING)
        uv_timer_stop(&job->deadline);
}
