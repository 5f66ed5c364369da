#include "daemon/job/life.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/job/examine.h"
#include "daemon/job/job.h"
#include "daemon/job/launching.h"
#include "daemon/job/lost.h"
#include "daemon/job/nodes.h"
#include "daemon/store/runs/durable.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/spec/spec.h"

BIT_LOG_TOPIC("life");

/* ---- settling: no process of the job is left */

static void give_slot_back(struct bit_job *job)
{
    struct bit_runner *r = job->runner;

    bit_job_destroy(job);
    bit_durable_rest(r);
    bit_runner_changed(r); /* clients that follow the run see its end */
    bit_runs_schedule(r->runs);
}

/* A rewind is not a loss: the run is launched again at once. */
static void relaunch(struct bit_job *job, bool lost)
{
    struct bit_runner *r = job->runner;
    const struct bit_run *run = &r->run;
    uint64_t ms = lost ? bit_run_backoff_ms(run, r->env->config->restart_delay_max_ms) : 0;

    if (lost && run->launch.failures > 0)
        bit_format(job->retry, sizeof job->retry, "launch %u failed: %s", run->launch.failures, job->cause.text);
    else
        bit_format(job->retry, sizeof job->retry, "%s", job->cause.text);
    if (lost)
        bit_runner_set_state(r, BIT__RUN_STATE__RESTARTING, "%s; next try in %g s", job->retry, (double)ms / 1000);
    else
        bit_runner_set_state(r, BIT__RUN_STATE__RESTARTING, "%s", job->retry);
    bit_job_forget_launch(job);
    job->phase = BIT_JOB_WAITING;
    bit_job_set_deadline(job, ms);
}

/* Stop a run that would restart for ever. The data of the step that it cannot pass may be the reason. */
static void stop_loop(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_run_checkpoint *good = bit_run_newest(&r->run);
    const uint64_t next = r->run.step + 1;
    char documents[160] = "";

    if (job->cause.in_step && next <= r->run.spec->schedule->steps) /* otherwise the step's data is not the reason */
        bit_format(documents, sizeof documents,
                   "; `bitctl data show %s --step %" PRIu64 "` names the documents of step %" PRIu64, r->run.id, next,
                   next);
    bit_runner_fail(r, BIT_EXIT_POLICY,
                    "%s; no step gained in %u launch%s, the last ended after step %" PRIu64
                    "; the last good checkpoint is %s%s",
                    job->cause.text, r->run.fruitless, r->run.fruitless == 1 ? "" : "es", r->run.step,
                    good ? good->name : "none", documents);
}

/* What a launch lacks may be back for a later one, so launches are retried, but only for launch_patience; with
 * max_restarts 0 not at all. */
static void stop_launching(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    unsigned failures = r->run.launch.failures;

    if (r->run.spec->launch->max_restarts == 0)
        bit_runner_fail(r, BIT_EXIT_LAUNCH, "the launch failed, and launch.max_restarts is 0: %s", job->cause.text);
    else
        bit_runner_fail(r, BIT_EXIT_LAUNCH, "%u launch%s failed within launch_patience, %g s; the last one: %s",
                        failures, failures == 1 ? "" : "es", (double)r->env->config->launch_patience_ms / 1000,
                        job->cause.text);
}

/* Only launches whose worker never became ready count. */
static bool is_past_patience(struct bit_job *job)
{
    const struct bit_runner *r = job->runner;
    uint64_t now = uv_now(r->env->loop);

    if (r->run.launch.failures == 0) {
        job->failing_ms = 0;
        return false;
    }
    if (job->failing_ms == 0)
        job->failing_ms = now;
    return r->run.spec->launch->max_restarts == 0 || now - job->failing_ms >= r->env->config->launch_patience_ms;
}

/* If the next launch lacks something on this machine, the run waits in the queue, and nothing is tried. */
static bool wait_in_queue(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);

    if (!job->jobs->withhold(job->jobs->owner, r))
        return false;
    bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "%s; goes on after step %" PRIu64, job->cause.text,
                         newest ? newest->step : 0);
    give_slot_back(job);
    return true;
}

static void settle_lost(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const bool fatal = bit_run_is_fatal(job->cause.err);
    /* Includes launches that failed to start, unless the error is fatal. */
    const bool lost = r->run.launch.launched || (job->cause.err < 0 && !fatal);

    if (!r->given_up && !r->run.launch.launched && !fatal && wait_in_queue(job))
        return;
    if (lost)
        bit_lost_record(job);
    if (r->given_up) {
        give_slot_back(job);
    } else if (fatal) {
        bit_runner_fail(r, bit_run_exit_code(job->cause.err), "%s", job->cause.text);
        give_slot_back(job);
    } else if (wait_in_queue(job)) {
        return;
    } else if (r->run.fruitless > r->run.spec->launch->max_restarts) {
        stop_loop(job);
        give_slot_back(job);
    } else if (lost && is_past_patience(job)) {
        stop_launching(job);
        give_slot_back(job);
    } else {
        relaunch(job, lost);
    }
}

static void settle_done(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    Bit__StateChanged m = BIT__STATE_CHANGED__INIT;

    switch (r->run.launch.done.reason) {
    case BIT__STOP_REASON__COMPLETE:
        m.state = BIT__RUN_STATE__COMPLETED;
        m.reason = bit_lend(bit_spec_evaluates_only(r->run.spec) ? "everything evaluated" : "every step done");
        m.has_exit_code = m.has_weights_digest = true;
        m.weights_digest = r->run.launch.done.weights_digest;
        bit_info("completed", "run=%s steps=%" PRIu64 " digest=%016" PRIx64, r->run.id, r->run.step, m.weights_digest);
        bit_record(r, STATE, state, &m);
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

/* If the worker was killed and not told to stop, the run goes on from its newest checkpoint. */
static void settle(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);
    uint64_t from = newest ? newest->step : 0;

    if (r->given_up) { /* its end is already journalled */
        give_slot_back(job);
    } else if (job->done) {
        settle_done(job);
    } else if (bit_run_is_fatal(job->cause.err)) {
        settle_lost(job);
    } else if (r->run.state == BIT__RUN_STATE__CANCELLING) {
        bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "cancelled at step %" PRIu64, r->run.step);
        give_slot_back(job);
    } else if (r->run.state == BIT__RUN_STATE__PAUSING) {
        bit_runner_set_state(r, BIT__RUN_STATE__PAUSED, "paused; goes on after step %" PRIu64, from);
        give_slot_back(job);
    } else if (job->cause.err == -ECANCELED) { /* somebody used scancel */
        bit_runner_set_state(r, BIT__RUN_STATE__CANCELLED, "%s", job->cause.text);
        give_slot_back(job);
    } else if (job->leaving[0] != '\0') {
        bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "%s; goes on after step %" PRIu64, job->leaving, from);
        give_slot_back(job);
    } else if (r->env->stopping) {
        bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "bitd went down; goes on after step %" PRIu64, from);
        give_slot_back(job);
    } else {
        settle_lost(job);
    }
}

/* ---- ranks that are dead or hang */

/* No report came in time: examine why. */
static void examine_late(struct bit_job *job)
{
    uint32_t first;
    char who[160];
    double s = (double)bit_job_limit_ms(job) / 1000;

    if (!bit_job_waits_for_rest(job, &first)) {
        bit_examine_start(job, -1, "no report for %g s", s);
        return;
    }
    bit_tally_describe(&job->tally, job->runner->run.step, job->stop_reason, who, sizeof who);
    bit_examine_start(job, first, "%s, %g s after another did", who, s);
}

/* The deadline of the phase has passed. */
static void on_late(struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;

    if (job->phase == BIT_JOB_WAITING)
        bit_launching_begin(job);
    else if (job->phase == BIT_JOB_STARTING)
        bit_job_end(job, BIT_ETIMEOUT, "the worker was not ready within %g s of its launch",
                    (double)config->start_ms / 1000);
    else if (job->phase == BIT_JOB_DETACHED)
        bit_job_end(job, BIT_ETIMEOUT, "the worker did not come back within %g s", (double)config->reconnect_ms / 1000);
    else if (job->phase == BIT_JOB_TRAINING)
        examine_late(job);
}

static void on_hung(struct bit_job *job, int64_t suspect, const char *text)
{
    if (!job->cause.known && suspect >= 0) {
        job->cause.has_rank = true;
        job->cause.rank = (uint32_t)suspect;
    }
    bit_job_end(job, BIT_ETIMEOUT, "%s", text);
}

/* Leave out all nodes that are lost by now. Returns whether there are any. */
static bool lose_nodes(struct bit_job *job)
{
    int64_t first = -1;
    const struct bit_watch_rank *rank;

    if (job->slurm_job == NULL)
        return false;
    for (uint32_t r = 0; r < job->watch.ranks; r++)
        if (bit_watch_is_cut_off(job, r) && bit_nodes_lose(job, job->watch.rank[r].host) == 0 && first < 0)
            first = r;
    if (first < 0)
        return false;
    rank = &job->watch.rank[first];
    if (!job->cause.known) {
        job->cause.has_rank = true;
        job->cause.rank = (uint32_t)first;
    }
    bit_job_end(job, BIT_EWORKER,
                "node %s was lost: no heartbeat of rank %" PRId64 " for %g s, last in '%s' after step %" PRIu64,
                rank->host, first, (double)job->runner->env->config->heartbeat_ms / 1000,
                rank->heard ? rank->section : "start", rank->step);
    return true;
}

static void on_silent(struct bit_job *job, uint32_t rank)
{
    const struct bit_config *config = job->runner->env->config;
    const struct bit_watch_rank *at = &job->watch.rank[rank];

    if (lose_nodes(job) || (job->slurm_job != NULL && bit_watch_may_be_cut_off(job, rank)))
        return;
    if (!at->greeted)
        bit_examine_start(job, rank, "it did not connect within %g s after rank 0",
                          (double)(config->fence_ms + config->heartbeat_ms) / 1000);
    else
        bit_examine_start(job, rank, "no heartbeat for %g s%s", (double)config->heartbeat_ms / 1000,
                          at->heard ? "" : " after it connected");
}

static const struct bit_job_ops ops = {
    .settle = settle,
    .late = on_late,
    .silent = on_silent,
    .hung = on_hung,
    .lost_link = bit_job_lost_link,
};

/* ---- taking a slot */

int bit_life_start(const struct bit_jobs *jobs, struct bit_runner *r)
{
    struct bit_job *job = bit_job_create(jobs, &ops, r);

    if (job == NULL)
        return bit_fail(-ENOMEM, "a job for %s", r->run.id);
    bit_runner_set_state(r, BIT__RUN_STATE__STARTING, "has a slot");
    bit_launching_begin(job);
    return 0;
}

int bit_life_resume(const struct bit_jobs *jobs, struct bit_runner *r)
{
    const bool between = r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING;

    if (!r->run.launch.launched && between && jobs->withhold(jobs->owner, r)) {
        bit_runner_set_state(r, BIT__RUN_STATE__QUEUED, "bitd was away before the next launch");
        return 0;
    }
    struct bit_job *job = bit_job_create(jobs, &ops, r);

    if (job == NULL)
        return bit_fail(-ENOMEM, "a job for %s", r->run.id);
    job->promised = r->run.step + r->env->config->lookahead;
    job->done = r->run.launch.launched && r->run.launch.done.known; /* only their exit is left */
    if (r->run.launch.launched && bit_launching_adopt(job) == 0) {
        bit_info("waiting for worker", "run=%s pid=%d step=%" PRIu64, r->run.id, r->run.launch.pid, r->run.step);
        job->phase = BIT_JOB_DETACHED;
        bit_job_set_deadline(job, r->env->config->reconnect_ms);
    } else if (r->run.launch.launched) {
        bit_job_end(job, BIT_EWORKER, "the worker ended while bitd was away");
    } else if (between) {
        bit_launching_begin(job);
    } else {
        bit_job_end(job, 0, "bitd was away before the next launch");
    }
    return 0;
}
