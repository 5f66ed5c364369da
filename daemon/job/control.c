#include "daemon/job/control.h"

#include "daemon/job/done.h"
#include "daemon/job/job.h"
#include "daemon/job/orders.h"
#include "daemon/store/runs/durable.h"
#include "proto/check.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("control");

void bit_control_changed(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    bool leaving = r->run.state == BIT__RUN_STATE__PAUSING || r->run.state == BIT__RUN_STATE__CANCELLING;

    if (leaving)
        atomic_store(&job->stop_reading, true);
    if (leaving && (job->phase == BIT_JOB_STARTING || job->phase == BIT_JOB_WAITING || job->phase == BIT_JOB_CHOOSING))
        bit_job_end(job, 0, "%s", bit_run_state_name(r->run.state));
    else
        bit_orders_pump(job);
}

void bit_control_shutdown(struct bit_job *job)
{
    job->sequence.shutdown = true;
    atomic_store(&job->stop_reading, true);
    if (bit_durable_check(job->runner) < 0 && job->runner->journal.lost)
        bit_job_end(job, 0, "%s", job->runner->blocked); /* there is no folder for a last checkpoint */
    else if (job->phase == BIT_JOB_TRAINING)
        bit_orders_pump(job);
    else
        bit_job_end(job, 0, "%s", job->leaving[0] ? job->leaving : "bitd goes down");
}

void bit_control_leave(struct bit_job *job, const char *why)
{
    bit_format(job->leaving, sizeof job->leaving, "%s", why);
    bit_info("leaving", "run=%s why=%s", job->runner->run.id, why);
    bit_control_shutdown(job);
}

void bit_control_blocked(struct bit_job *job)
{
    bit_job_hold(job);
    bit_job_expect(job);
}

void bit_control_unblocked(struct bit_job *job)
{
    bit_job_hold(job);
    if (job->phase == BIT_JOB_TRAINING) {
        bit_done_release(job);
        bit_job_expect(job);
        bit_orders_pump(job);
    }
}

uint64_t bit_control_earliest_switch(const struct bit_job *job)
{
    bool known = job->phase == BIT_JOB_TRAINING && job->ready;

    return bit_order_sequence_earliest_switch(known ? &job->sequence : NULL, &job->runner->run, job->promised);
}

uint64_t bit_control_boundary(const struct bit_job *job)
{
    bool known = job->phase == BIT_JOB_TRAINING && job->ready;
    const struct bit_run *run = &job->runner->run;

    return known ? job->sequence.sent : BIT_MIN(BIT_MAX(run->step, job->promised), run->spec->schedule->steps);
}
