#include "daemon/job/job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/choose.h"
#include "daemon/store/durable.h"
#include "daemon/store/partials.h"
#include "daemon/store/runs.h"
#include "daemon/sys/allow.h"
#include "daemon/sys/proc.h"
#include "daemon/sys/sweep.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "proto/wire/secret.h"

BIT_LOG_TOPIC("job");

#define SRUN_GRACE_MS 300 /* ranks are gone 10 ms after srun was told, measured with a node of the step cut off */

static void settle(struct bit_job *job);
static void settle_if_idle(struct bit_job *job);
static void on_deadline(uv_timer_t *timer);

/* ---------------------------------------------------------------- life of the struct */

static struct bit_job *new_job(const struct bit_jobs *jobs, struct bit_runner *r)
{
    BIT_ASSERT(r->job == NULL);
    struct bit_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->jobs = jobs;
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

/* Of a launch that is over: no worker may come with it any more. */
static void forget_secret(struct bit_job *job)
{
    char *path = bit_runner_path(job->runner, "secret");
    if (path != NULL)
        unlink(path);
    free(path);
    bit_secret_wipe(job->secret, sizeof job->secret);
}

static void destroy(struct bit_job *job)
{
    BIT_ASSERT(!job->loading && !job->committing && !job->tidying && !job->sweeping && job->link == NULL &&
               job->launch == NULL);
    forget_secret(job);
    job->runner->job = NULL;
    bit_payload_destroy(job->payload);
    bit_feed_destroy(job->feed);
    bit_places_finish(&job->places);
    if (job->runner->env->stopping) /* the nodes are kept for when it is back */
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
    bit_watch_free(&job->watch);
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

static void forget_incarnation(struct bit_job *job)
{
    forget_secret(job);
    job->cause = (struct bit_job_cause){0};
    job->done = job->ready = job->stood = job->reconnected = job->launcher_ended = job->tidy = false;
    job->outstanding = 0;
    bit_tally_finish(&job->tally);
    job->exit_status = job->exit_signal = 0;
    job->section[0] = '\0';
    job->course = (struct bit_course){0};
    bit_guard_finish(&job->guard); /* ranks may be elsewhere the next time */
    bit_payload_destroy(job->payload);
    job->payload = NULL;
    job->read_error[0] = '\0';
}

/* ---------------------------------------------------------------- ending */

static bool is_idle(const struct bit_job *job)
{
    return !job->loading && !job->committing && !job->tidying && !job->sweeping &&
           (job->launch == NULL || job->launcher_ended);
}

/* What a killed mpirun leaves on this machine. */
static void clear_remains(struct bit_job *job)
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

/* Half of a checkpoint is seen by nobody who is told of a run's end, and by no bitd that replays it. */
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
    clear_remains(job);
    if (job->tidy)
        settle(job);
    else
        begin_tidying(job);
}

static void on_swept(void *arg)
{
    struct bit_job *job = arg;
    job->sweeping = false;
    settle_if_idle(job);
}

/* Before they are ended: who they are tells what they will leave. */
static void note_remains(struct bit_job *job, const struct bit_proc_job *processes)
{
    int32_t pid[64];
    const struct bit_run *run = &job->runner->run;
    if (run->spec->launch->launcher != BIT__LAUNCHER__MPIRUN)
        return;
    int count = bit_proc_find(processes, pid, BIT_COUNT(pid));
    for (int i = 0; i < count; i++)
        bit_leftovers_note(&job->leftovers, pid[i]);
    if (job->launch != NULL || run->launched)
        bit_leftovers_note_launcher(&job->leftovers, job->launch != NULL ? bit_launch_pid(job->launch) : run->pid);
    else if (count > 0) /* a bitd before this one did not live to write it down; mpirun is the oldest */
        bit_leftovers_note_launcher(&job->leftovers, pid[0]);
}

/* Whatever is left of the job must be gone before anything else is decided. */
static void begin_ending(struct bit_job *job)
{
    if (job->phase == BIT_JOB_ENDING)
        return;
    struct bit_runner *r = job->runner;
    bool hurry = r->run.state == BIT__RUN_STATE__CANCELLING && !job->done;
    job->phase = BIT_JOB_ENDING;
    job->ready = false;
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
    note_remains(job, &processes);
    int err = bit_sweep_start(r->env->loop, &processes, grace_ms, on_swept, job);
    BIT_ASSERT(err == 0);
    job->sweeping = true;
}

void bit_job_end(struct bit_job *job, int err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note_cause(job, err, fmt, args);
    va_end(args);
    begin_ending(job);
}

void bit_job_end_blaming(struct bit_job *job)
{
    begin_ending(job);
}

void bit_job_loaded(struct bit_job *job)
{
    job->loading = false;
    settle_if_idle(job);
}

void bit_job_commit_ended(struct bit_job *job)
{
    job->committing = false;
    bit_job_hold(job);
    settle_if_idle(job);
}

static void on_launcher_ended(void *arg, int64_t status, int signal)
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
    else /* its last words are worth more than the exit code: read the link to its end */
        uv_timer_start(&job->deadline, on_deadline, job->runner->env->config->grace_ms, 0);
}

/* ---------------------------------------------------------------- settling: nothing of the job is left */

static void give_slot_back(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    destroy(job);
    bit_durable_rest(r);
    bit_runner_changed(r); /* nothing more comes of it: who follows it is done */
    bit_runs_schedule(r->runs);
}

static void wait_and_relaunch(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    char why[BIT_ERR_TEXT_MAX];
    bit_format(why, sizeof why, "%s", job->cause.text);
    bit_runner_set_state(r, BIT__RUN_STATE__RESTARTING, "%s", why);
    forget_incarnation(job);
    job->phase = BIT_JOB_WAITING;
    uv_timer_start(&job->deadline, on_deadline, bit_run_backoff_ms(&r->run), 0);
}

/* It would go on for ever. What the step that it cannot pass trains on may be why. */
static void stop_loop(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_run_checkpoint *good = bit_run_newest(&r->run);
    const uint64_t next = r->run.step + 1;
    char documents[160] = "";
    if (job->stood && next <= r->run.spec->schedule->steps) /* else no step, or the end, is what it cannot pass */
        bit_format(documents, sizeof documents,
                   "; `bitctl data show %s --step %" PRIu64 "` names the documents of step %" PRIu64, r->run.id, next,
                   next);
    bit_runner_fail(r, BIT_EXIT_POLICY,
                    "no step gained in %u launches, the last ended behind step %" PRIu64
                    "%s; the last good checkpoint is %s; %s",
                    r->run.fruitless, r->run.step, documents, good ? good->name : "none", job->cause.text);
}

static void settle_lost(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    if (r->run.launched || job->cause.err < 0) /* a launch that failed is one without gain, too */
        bit_job_record_lost(job);
    if (r->given_up) {
        give_slot_back(job);
    } else if (bit_run_is_fatal(job->cause.err)) {
        bit_runner_fail(r, bit_run_exit_code(job->cause.err), "%s", job->cause.text);
        give_slot_back(job);
    } else if (r->run.fruitless > r->run.spec->launch->max_restarts) {
        stop_loop(job);
        give_slot_back(job);
    } else {
        wait_and_relaunch(job);
    }
}

static void settle_done(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    Bit__StateChanged m = BIT__STATE_CHANGED__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    switch (r->run.done.reason) {
    case BIT__STOP_REASON__COMPLETE:
        m.state = BIT__RUN_STATE__COMPLETED;
        m.reason = (char *)(uintptr_t) "every step done";
        m.has_exit_code = m.has_weights_digest = true;
        m.weights_digest = r->run.done.weights_digest;
        record.what_case = BIT__JOURNAL_RECORD__WHAT_STATE;
        record.state = &m;
        bit_info("completed", "run=%s steps=%" PRIu64 " digest=%016" PRIx64, r->run.id, r->run.step, m.weights_digest);
        bit_runner_record(r, &record);
        break;
    case BIT__STOP_REASON__PAUSE:
        bit_runner_set_state(r, BIT__RUN_STATE__PAUSED, "paused at step %" PRIu64, r->run.step);
        break;
    case BIT__STOP_REASON__CANCEL:
        bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "cancelled at step %" PRIu64, r->run.step);
        break;
    default:
        if (job->leaving[0] != '\0')
            bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "left at step %" PRIu64 ": %s", r->run.step, job->leaving);
        else
            bit_runner_set_state(r, BIT__RUN_STATE__QUEUED,
                                 "bitd went down at step %" PRIu64 "; goes on when it is back", r->run.step);
        break;
    }
    give_slot_back(job);
}

/* Where the worker was ended rather than asked, the run is as far as its newest checkpoint. */
static void settle(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);
    uint64_t from = newest ? newest->step : 0;
    if (r->given_up) { /* its end is written */
        give_slot_back(job);
    } else if (job->done) {
        settle_done(job);
    } else if (bit_run_is_fatal(job->cause.err)) {
        settle_lost(job);
    } else if (r->run.state == BIT__RUN_STATE__CANCELLING) {
        bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "cancelled at step %" PRIu64, r->run.step);
        give_slot_back(job);
    } else if (r->run.state == BIT__RUN_STATE__PAUSING) {
        bit_runner_set_state(r, BIT__RUN_STATE__PAUSED, "paused; goes on behind step %" PRIu64, from);
        give_slot_back(job);
    } else if (job->cause.err == -ECANCELED) { /* somebody's scancel */
        bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "%s", job->cause.text);
        give_slot_back(job);
    } else if (job->leaving[0] != '\0') {
        bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "%s; goes on behind step %" PRIu64, job->leaving, from);
        give_slot_back(job);
    } else if (r->env->stopping) {
        bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "bitd went down; goes on behind step %" PRIu64, from);
        give_slot_back(job);
    } else {
        settle_lost(job);
    }
}

/* ---------------------------------------------------------------- starting */

static int write_launched(struct bit_job *job, const struct bit_launch_args *args, const char *log, const char *restore)
{
    struct bit_run *run = &job->runner->run;
    char nodes[BIT_JOURNAL_NODES_MAX];
    Bit__WorkerLaunched m = BIT__WORKER_LAUNCHED__INIT;
    m.attempt = run->attempt + 1;
    m.epoch = args->epoch;
    m.pid = bit_launch_pid(job->launch);
    m.log = (char *)(uintptr_t)log;
    m.restore = restore[0] ? (char *)(uintptr_t)restore : NULL;
    m.has_ranks = true;
    m.ranks = bit_launch_ranks(args);
    if (args->places != NULL) {
        bit_hosts_brief(args->places->list, nodes, sizeof nodes);
        m.nodes = nodes;
    }
    int err = bit_proc_start_time(m.pid, &m.pid_start);
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_LAUNCHED;
    record.launched = &m;
    bit_info("launched", "run=%s attempt=%u epoch=%" PRIu64 " pid=%d ranks=%u nodes=%s restore=%s", run->id, m.attempt,
             m.epoch, m.pid, m.ranks, m.nodes ? m.nodes : "here", restore[0] ? restore : "none");
    bit_runner_record(job->runner, &record);
    return err == -ESRCH ? 0 : err; /* gone already: its end is about to be told */
}

static int launch(struct bit_job *job, const char *restore)
{
    struct bit_runner *r = job->runner;
    char name[64];
    snprintf(name, sizeof name, "logs/worker-%u.log", r->run.attempt + 1);
    char *log = bit_runner_path(r, name), *secret = bit_runner_path(r, "secret"), *nodes = bit_runner_path(r, "nodes");
    const struct bit_config *config = r->env->config;
    const struct bit_launch_args args = {
        .config = config,
        .slurm_job = job->slurm_job != NULL ? bit_slurm_job_number(job->slurm_job) : 0,
        .places = job->slurm_job != NULL ? &job->places : NULL,
        .spec = r->run.spec->launch,
        .run = r->run.id,
        .link = bit_worker_link_address(job->jobs->links, config, r->run.spec->launch->launcher),
        .owner = config->link,
        .secret = secret,
        .epoch = r->run.epoch + 1,
        .nodes = nodes,
        .log = log,
    };
    int err = log == NULL || secret == NULL || nodes == NULL ? bit_fail(-ENOMEM, "launching") : bit_watch_begin(job);
    if (err == 0)
        err = bit_tally_begin(&job->tally, job->watch.ranks);
    if (err == 0)
        err = bit_secret_create(secret, job->secret);
    if (err == 0)
        err = bit_launch_start(r->env->loop, &args, on_launcher_ended, job, &job->launch);
    if (err == 0)
        err = write_launched(job, &args, name, restore);
    free(secret);
    free(nodes);
    free(log);
    return err;
}

static void start_worker(struct bit_job *job, const char *restore)
{
    struct bit_runner *r = job->runner;
    job->phase = BIT_JOB_STARTING;
    int err = launch(job, restore);
    if (err < 0)
        bit_job_end(job, err, "launching: %s", bit_fail_text());
    else
        uv_timer_start(&job->deadline, on_deadline, r->env->config->start_ms, 0);
}

static void on_chosen(void *arg, int err, const char *restore)
{
    struct bit_job *job = arg;
    struct bit_runner *r = job->runner;
    job->loading = false;
    if (job->phase != BIT_JOB_CHOOSING) { /* ended in between */
        settle_if_idle(job);
        return;
    }
    if (err < 0)
        bit_job_end(job, err, "%s", bit_fail_text());
    else if (r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING)
        start_worker(job, restore);
    else
        bit_job_end(job, 0, "not needed any more");
}

void bit_job_choose(struct bit_job *job)
{
    job->phase = BIT_JOB_CHOOSING;
    int err = bit_choose_start(job->runner, on_chosen, job);
    if (err < 0)
        bit_job_end(job, err, "choosing a checkpoint: %s", bit_fail_text());
    else
        job->loading = true;
}

/* The settings may have changed since the run was submitted, and so may have what a bitd lets others pass. */
static int check_allowed(const struct bit_runner *r)
{
    return bit_allow_launch(r->env->config, r->run.spec, bit_runner_is_own(r));
}

/* Nothing may be there that an earlier daemon started and did not live to write down. */
static void on_cleared(void *arg)
{
    struct bit_job *job = arg;
    job->sweeping = false;
    clear_remains(job);
    if (job->phase != BIT_JOB_CHOOSING)
        settle_if_idle(job);
    else if (check_allowed(job->runner) < 0)
        bit_job_end(job, BIT_ESPEC, "%s", bit_fail_text());
    else if (job->runner->run.spec->launch->launcher == BIT__LAUNCHER__MPIRUN)
        bit_job_choose(job);
    else
        bit_job_allocate(job);
}

static void clear_and_choose(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_proc_job processes = {.run = r->run.id, .link = r->env->config->link};
    job->phase = BIT_JOB_CHOOSING;
    note_remains(job, &processes);
    int err = bit_sweep_start(r->env->loop, &processes, 0, on_cleared, job);
    BIT_ASSERT(err == 0);
    job->sweeping = true;
}

int bit_job_start(const struct bit_jobs *jobs, struct bit_runner *r)
{
    struct bit_job *job = new_job(jobs, r);
    if (job == NULL)
        return bit_fail(-ENOMEM, "a job for %s", r->run.id);
    bit_runner_set_state(r, BIT__RUN_STATE__STARTING, "has a slot");
    clear_and_choose(job);
    return 0;
}

static int adopt(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    char *secret = bit_runner_path(r, "secret");
    int err = secret == NULL ? -ENOMEM : bit_secret_read(secret, job->secret);
    if (err == 0)
        err = bit_watch_begin(job);
    if (err == 0)
        err = bit_tally_begin(&job->tally, job->watch.ranks);
    free(secret);
    if (err == 0)
        err = bit_launch_adopt(r->env->loop, r->run.pid, r->run.pid_start, on_launcher_ended, job, &job->launch);
    return err;
}

int bit_job_resume(const struct bit_jobs *jobs, struct bit_runner *r)
{
    struct bit_job *job = new_job(jobs, r);
    if (job == NULL)
        return bit_fail(-ENOMEM, "a job for %s", r->run.id);
    job->promised = r->run.step + r->env->config->lookahead;
    job->done = r->run.launched && r->run.done.known; /* what is left is to let them go */
    if (r->run.launched && adopt(job) == 0) {
        bit_info("waiting for worker", "run=%s pid=%d step=%" PRIu64, r->run.id, r->run.pid, r->run.step);
        job->phase = BIT_JOB_DETACHED;
        uv_timer_start(&job->deadline, on_deadline, r->env->config->reconnect_ms, 0);
    } else if (r->run.launched) {
        bit_job_end(job, BIT_EWORKER, "the worker ended while bitd was away");
    } else if (r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING) {
        clear_and_choose(job);
    } else {
        bit_job_end(job, 0, "bitd was away before the next launch");
    }
    return 0;
}

/* ---------------------------------------------------------------- the link */

void bit_job_connected(struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;
    bit_job_hold(job);
    job->phase = job->reconnected ? BIT_JOB_TRAINING : BIT_JOB_STARTING;
    uv_timer_start(&job->deadline, on_deadline, job->reconnected ? config->long_ms : config->start_ms, 0);
}

void bit_job_lost_link(struct bit_job *job, int err)
{
    struct bit_runner *r = job->runner;
    job->link = NULL;
    job->ready = false;
    if (job->launcher_ended || job->done || job->cause.by_mpi) {
        if (job->launcher_ended)
            begin_ending(job);
        return; /* else its end is being waited for, with a deadline */
    }
    if (err <= BIT_EUSAGE) { /* one of ours: what it said makes no sense, and would not the next time */
        bit_job_end(job, err, "the worker's words make no sense: %s", bit_fail_text());
        return;
    }
    bit_warn("link lost", "run=%s err=%s step=%" PRIu64, r->run.id, bit_strerror(err), r->run.step);
    job->promised = BIT_MAX(job->promised, job->course.sent);
    job->phase = BIT_JOB_DETACHED;
    uv_timer_start(&job->deadline, on_deadline, r->env->config->reconnect_ms, 0);
}

/* ---------------------------------------------------------------- time */

/* Some ranks have said that they are done, and so are behind all that they do together: the others are about to. */
static bool waits_for_the_rest(const struct bit_job *job, uint32_t *first)
{
    return bit_job_awaits_done(job, first) &&
           bit_tally_missing(&job->tally, job->runner->run.step, job->stop_reason, first) < job->tally.ranks;
}

static uint64_t limit_ms(const struct bit_job *job)
{
    uint32_t first;
    return waits_for_the_rest(job, &first) ? job->runner->env->config->stall_ms : bit_watch_limit_ms(job);
}

/* Nothing came in time: who is to be asked why. */
static void examine_late(struct bit_job *job)
{
    uint32_t first;
    char who[160];
    double s = (double)limit_ms(job) / 1000;
    if (!waits_for_the_rest(job, &first)) {
        bit_examine_start(job, -1, "no report for %g s", s);
        return;
    }
    bit_tally_describe(&job->tally, job->runner->run.step, job->stop_reason, who, sizeof who);
    bit_examine_start(job, first, "%s, %g s after another did", who, s);
}

void bit_job_expect(struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;
    if (job->launcher_ended)
        return;
    if (job->done && bit_runner_is_blocked(job->runner)) /* they wait until it is written */
        uv_timer_stop(&job->deadline);
    else if (job->done || job->cause.by_mpi)
        uv_timer_start(&job->deadline, on_deadline, 2 * config->grace_ms, 0);
    else if (job->phase == BIT_JOB_TRAINING && job->outstanding > 0 && !bit_runner_is_blocked(job->runner))
        uv_timer_start(&job->deadline, on_deadline, limit_ms(job), 0);
    else if (job->phase == BIT_JOB_TRAINING)
        uv_timer_stop(&job->deadline);
}

static void on_deadline(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;
    const struct bit_config *config = job->runner->env->config;
    if (job->done || job->launcher_ended || job->cause.by_mpi)
        begin_ending(job);
    else if (job->phase == BIT_JOB_WAITING)
        clear_and_choose(job);
    else if (job->phase == BIT_JOB_STARTING)
        bit_job_end(job, BIT_ETIMEOUT, "the worker was not ready within %g s of its launch",
                    (double)config->start_ms / 1000);
    else if (job->phase == BIT_JOB_DETACHED)
        bit_job_end(job, BIT_ETIMEOUT, "the worker did not come back within %g s", (double)config->reconnect_ms / 1000);
    else if (job->phase == BIT_JOB_TRAINING)
        examine_late(job);
}

/* ---------------------------------------------------------------- from outside */

void bit_job_changed(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    bool leaving = r->run.state == BIT__RUN_STATE__PAUSING || r->run.state == BIT__RUN_STATE__CANCELLING;
    if (leaving && (job->phase == BIT_JOB_STARTING || job->phase == BIT_JOB_WAITING || job->phase == BIT_JOB_CHOOSING))
        bit_job_end(job, 0, "%s", bit_run_state_name(r->run.state));
    else
        bit_job_pump(job);
}

void bit_job_shutdown(struct bit_job *job)
{
    job->course.shutdown = true;
    if (bit_durable_check(job->runner) < 0 && job->runner->journal.lost)
        bit_job_end(job, 0, "%s", job->runner->blocked); /* a last checkpoint would be nobody's */
    else if (job->phase == BIT_JOB_TRAINING)
        bit_job_pump(job);
    else
        bit_job_end(job, 0, "%s", job->leaving[0] ? job->leaving : "bitd goes down");
}

void bit_job_leave(struct bit_job *job, const char *why)
{
    bit_format(job->leaving, sizeof job->leaving, "%s", why);
    bit_info("leaving", "run=%s why=%s", job->runner->run.id, why);
    bit_job_shutdown(job);
}

/* Nothing is read while the journal takes nothing, or a checkpoint gets its name: what follows comes behind it. */
void bit_job_hold(struct bit_job *job)
{
    if (job->link != NULL)
        bit_worker_link_hold(job->link, job->committing || bit_runner_is_blocked(job->runner));
}

void bit_job_blocked(struct bit_job *job)
{
    bit_job_hold(job);
    bit_job_expect(job);
}

void bit_job_unblocked(struct bit_job *job)
{
    bit_job_hold(job);
    if (job->phase == BIT_JOB_TRAINING) {
        bit_job_release(job);
        bit_job_expect(job);
        bit_job_pump(job);
    }
}

uint64_t bit_job_earliest_switch(const struct bit_job *job)
{
    bool known = job->phase == BIT_JOB_TRAINING && job->ready;
    return bit_course_earliest_switch(known ? &job->course : NULL, &job->runner->run, job->promised);
}

uint64_t bit_job_boundary(const struct bit_job *job)
{
    bool known = job->phase == BIT_JOB_TRAINING && job->ready;
    const struct bit_run *run = &job->runner->run;
    return known ? job->course.sent : BIT_MIN(BIT_MAX(run->step, job->promised), run->spec->schedule->steps);
}
