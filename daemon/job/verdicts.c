#include "daemon/job/verdicts.h"

#include <inttypes.h>

#include "daemon/job/job.h"
#include "daemon/run/fork_peer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("verdicts");

static void go_back(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;
    char reason[BIT_RUN_REASON_MAX];
    Bit__Rewound m = BIT__REWOUND__INIT;

    m.at_step = run->due.step;
    m.to_step = bit_guard_target(run, run->due.step);
    m.skip = bit_rewinds_skip(&run->rewinds, m.to_step, m.at_step,
                              bit_run_spec_at(run, m.at_step)->guard->skip_batches);
    bit_format(reason, sizeof reason, "back from step %" PRIu64 " to %" PRIu64 ", leaving out %" PRIu64 " batch%s: %s",
               m.at_step, m.to_step, m.skip, m.skip == 1 ? "" : "es", run->due.text);
    m.reason = reason;
    bit_warn("rewound", "run=%s reason=%s", run->id, reason);
    bit_record(job->runner, REWOUND, rewound, &m);
    bit_job_end(job, 0, "%s", reason);
}

void bit_verdicts_act(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;

    if (run->due.action == 0 || run->state != BIT__RUN_STATE__TRAINING || job->phase == BIT_JOB_ENDING)
        return;
    if (run->due.action == BIT__GUARD_ACTION__REWIND)
        go_back(job);
    else
        bit_job_end(job, run->due.err, "step %" PRIu64 ": %s", run->due.step, run->due.text);
}

/* ---- comparisons */

/* against: a fork's parent; NULL: the run's own journal. */
static void verify(struct bit_job *job, const struct bit_rerun *rerun, const char *against)
{
    struct bit_run *run = &job->runner->run;
    char text[BIT_ERR_TEXT_MAX];
    Bit__ResumeVerified m = BIT__RESUME_VERIFIED__INIT;
    bool differs = rerun->first.field != NULL, same_machine = rerun->machines[0] == '\0';

    if (!bit_rerun_is_done(rerun))
        return;
    bit_rerun_text(rerun, text, sizeof text);
    m.from_step = BIT_MIN(rerun->from, rerun->compared);
    m.to_step = rerun->compared;
    m.equal = !differs && same_machine;
    m.text = text;
    m.has_comparable = true;
    m.comparable = same_machine;
    m.has_step = differs;
    m.step = rerun->at;
    struct bit_difference first = rerun->first;
    m.field = differs ? (char *)(uintptr_t)first.field : NULL;
    m.was = differs ? first.was : NULL;
    m.is = differs ? first.is : NULL;
    m.has_link = m.equal;
    m.link = run->chain;
    m.against = against != NULL ? bit_lend(against) : NULL;
    if (against != NULL)
        bit_info(differs ? "fork differs" : "fork compared", "run=%s against=%s text=\"%s\"", run->id, against, text);
    else if (m.equal)
        bit_info("resume verified", "run=%s from=%" PRIu64 " to=%" PRIu64 " text=\"%s\"", run->id, m.from_step,
                 m.to_step, text);
    else
        bit_warn(differs ? "resume differs" : "resume not comparable", "run=%s text=\"%s\"", run->id, text);
    bit_record(job->runner, VERIFIED, verified, &m);
    if (differs && run->spec->guard->resume == BIT__GUARD_ACTION__STOP)
        bit_job_end(job, BIT_EDIFFERS, "the %s differs%s%s: %s", against ? "fork" : "resume", against ? " from " : "",
                    against ? against : "", text);
}

void bit_verdicts_verify(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;

    verify(job, &run->rerun, NULL);
    if (run->peer != NULL && run->fork != NULL)
        verify(job, &run->peer->rerun, run->fork->run);
}
