#include "daemon/job/done.h"

#include <inttypes.h>

#include "daemon/job/examine.h"
#include "daemon/job/job.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("done");

/* Whether an order of this daemon, not of an earlier one, told the worker to stop. */
static bool was_told_to_stop(const struct bit_job *job)
{
    return job->ready && job->sequence.stopped;
}

/* A report for another step than the one of the stop belongs to an earlier order, or is wrong. */
static int check_step(const struct bit_job *job, const Bit__WorkerDone *m)
{
    const struct bit_run *run = &job->runner->run;
    uint64_t steps = run->spec->schedule->steps;

    if (was_told_to_stop(job) && m->step != run->step)
        return bit_fail(BIT_EWORKER,
                        "rank %u says that it is done after step %" PRIu64 ", and the run stands after %" PRIu64,
                        m->rank, m->step, run->step);
    if (m->reason == BIT__STOP_REASON__COMPLETE && m->step != steps)
        return bit_fail(BIT_EWORKER, "rank %u says that every step is done, and it did %" PRIu64 " of %" PRIu64,
                        m->rank, m->step, steps);
    return 0;
}

/* Compare with the checkpoint of that step, if there is one. */
static int check_checkpoint(const struct bit_run *run, const struct bit_tally_rank *said)
{
    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].step == said->step &&
            run->checkpoints.list[i].weights_digest != said->weights_digest)
            return bit_fail(BIT_EREPLICA,
                            "the ranks say that the weights after step %" PRIu64 " are %016" PRIx64
                            ", and checkpoint %s has %016" PRIx64,
                            said->step, said->weights_digest, run->checkpoints.list[i].name,
                            run->checkpoints.list[i].weights_digest);
    return 0;
}

static void record_done(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_tally_rank *said = &job->tally.rank[0];
    Bit__RanksDone m = BIT__RANKS_DONE__INIT;

    m.epoch = r->run.launch.epoch;
    m.reason = said->reason;
    m.step = said->step;
    m.ranks = job->tally.ranks;
    m.weights_digest = said->weights_digest;
    m.phase_digest = said->phase_digest;
    bit_info("done", "run=%s step=%" PRIu64 " ranks=%u digest=%016" PRIx64, r->run.id, m.step, m.ranks,
             m.weights_digest);
    bit_record(r, RANKS_DONE, ranks_done, &m);
}

static void all_said(struct bit_job *job)
{
    int err = check_checkpoint(&job->runner->run, &job->tally.rank[0]);

    if (err < 0) {
        bit_job_end(job, BIT_EWORKER, "%s", bit_fail_text());
        return;
    }
    record_done(job);
    job->done = true;
    job->outstanding = 0;
    bit_job_expect(job);
    bit_done_release(job);
}

void bit_done_note(struct bit_job *job, uint32_t rank, const Bit__WorkerDone *m)
{
    uint32_t first;
    bool is_old = m->step < job->runner->run.step && !was_told_to_stop(job); /* a step was ordered since */

    if (job->done || is_old)
        return;
    int err = check_step(job, m);
    if (err == 0)
        err = bit_tally_note(&job->tally, rank, m);
    if (err < 0) { /* not fatal: after a restart the weights may agree */
        bit_job_end(job, BIT_EWORKER, "%s", bit_fail_text());
        return;
    }
    if (err == 0 || !was_told_to_stop(job))
        return;
    bit_examine_stop(job); /* it was slow, not hung */
    if (bit_job_awaits_done(job, &first))
        bit_job_expect(job);
    else
        all_said(job);
}

void bit_done_release(struct bit_job *job)
{
    const Bit__DoneTaken m = BIT__DONE_TAKEN__INIT;

    if (!job->done || !job->ready || job->link == NULL || bit_runner_is_blocked(job->runner))
        return;
    int err = bit_worker_link_send(job->link, BIT_MSG_DONE_TAKEN, &m, NULL);
    if (err < 0)
        bit_job_lost_link(job, err);
}
