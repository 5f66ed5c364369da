#include "daemon/client/change/resume_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

static int list_checkpoints(const struct bit_run *run, uint64_t wanted)
{
    char list[200] = "";

    for (size_t i = 0; i < run->checkpoints.count; i++)
        bit_format_more(list, sizeof list, "%s%" PRIu64, i > 0 ? ", " : "", run->checkpoints.list[i].step);
    if (list[0] == '\0')
        return bit_fail(BIT_ESTATE, "%s has no checkpoint; without --from it starts from the beginning", run->id);
    return bit_fail(BIT_ESTATE, "%s has no checkpoint of step %" PRIu64 "; it has those of steps %s", run->id, wanted,
                    list);
}

/* A run that only evaluates has no steps to go back to or to add. */
static int check_eval_run(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    if (!bit_spec_evaluates_only(run->spec))
        return 0;
    if (m->has_steps || m->has_stretch || m->has_skip || m->has_from_step)
        return bit_fail(BIT_ESTATE,
                        "%s trains nothing, it evaluates a model: without --steps, --skip and --from it "
                        "goes on where it was",
                        run->id);
    if (run->state == BIT__RUN_STATE__COMPLETED)
        return bit_fail(BIT_ESTATE,
                        "%s has evaluated everything: `bitctl tasks %s` shows it, `bitctl eval` makes "
                        "another run",
                        run->id, run->id);
    return 0;
}

/* --steps must cover the steps that stay, and leave steps after a planned switch. */
static int check_steps(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    uint64_t least = m->has_from_step ? m->from_step + 1 : BIT_MAX(run->step_max, (uint64_t)1);

    if (!m->has_steps && m->has_stretch)
        return bit_fail(BIT_EUSAGE, "--stretch needs --steps N: the step to which it stretches the cosine");
    if (run->state == BIT__RUN_STATE__COMPLETED && !m->has_steps && !m->has_from_step)
        return bit_fail(BIT_ESTATE,
                        "%s has completed all of its %" PRIu64 " steps: --steps N makes it train on to "
                        "step N",
                        run->id, run->spec->schedule->steps);
    if (run->state == BIT__RUN_STATE__COMPLETED && !m->has_from_step)
        least = run->step_max + 1;
    if (m->has_steps && m->steps < least)
        return bit_fail(BIT_ESTATE, "--steps %" PRIu64 ": %s has done %" PRIu64 " steps; %" PRIu64 " is the least",
                        m->steps, run->id, run->step_max, least);
    if (m->has_steps && run->plan.planned && !run->switched && run->plan.at_step >= m->steps)
        return bit_fail(BIT_ESTATE, "--steps %" PRIu64 ": the switch is planned after step %" PRIu64, m->steps,
                        run->plan.at_step);
    return 0;
}

/* Refuses steps with a learning rate of 0, which would train nothing. */
static int check_rate(const Bit__RunSpec *spec, const struct bit_run *run, const Bit__ResumeRequest *m)
{
    if (!m->has_steps || m->steps <= spec->schedule->cosine_steps || bit_schedule_lr(spec, &run->plan, m->steps) > 0)
        return 0;
    return bit_fail(
        BIT_ESTATE,
        "--steps %" PRIu64 ": the cosine ends at step %" PRIu64
        " with a learning rate of 0, and later steps learn nothing; --stretch makes it end at step %" PRIu64,
        m->steps, spec->schedule->cosine_steps, m->steps);
}

/* Checks the specification with the requested changes by the rules of all specifications. */
static int check_spec(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    Bit__RunSpec *spec = bit_msg_clone(run->spec);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = spec == NULL || problems == NULL ? bit_fail(-ENOMEM, "a check of %s", run->id) : 0;

    if (err == 0 && m->has_ranks)
        bit_run_set_ranks(spec, m->ranks);
    if (err == 0 && m->has_steps)
        bit_run_set_steps(spec, m->steps, m->has_stretch && m->stretch ? m->steps : 0);
    if (err == 0)
        err = bit_spec_validate(spec, problems);
    if (err < 0 && problems != NULL && problems->count > 0)
        bit_fail(err, "%s: %s", problems->item[0].field, problems->item[0].text);
    if (err >= 0)
        err = check_rate(spec, run, m);
    free(problems);
    bit_msg_free(spec);
    return BIT_MIN(err, 0);
}

int bit_resume_check(const struct bit_runner *r, const Bit__ResumeRequest *m)
{
    const struct bit_run *run = &r->run;
    bool ends = r->job != NULL && bit_run_ended(run);
    int err = 0;

    if (ends)
        return bit_fail(BIT_EBUSY, "%s is %s, and its ranks are still ending: try again in a moment", run->id,
                        bit_run_state_name(run->state));
    if (run->state == BIT__RUN_STATE__QUEUED)
        return bit_fail(BIT_ESTATE, "%s is queued already: %s", run->id, run->reason);
    if (r->job != NULL)
        return bit_fail(BIT_ESTATE, "%s is %s: there is nothing to resume", run->id, bit_run_state_name(run->state));
    if (m->has_from_step && bit_run_checkpoint_at(run, m->from_step) == NULL)
        return list_checkpoints(run, m->from_step);
    if (m->has_skip && m->skip > BIT_STEPS_MAX)
        return bit_fail(BIT_EUSAGE, "--skip %" PRIu64 ": that many batches", m->skip);
    err = check_eval_run(run, m);
    if (err == 0)
        err = check_steps(run, m);
    if (err == 0)
        err = check_spec(run, m);
    if (err == 0 && bit_run_ended(run))
        err = bit_runs_check_user(r->runs, run->uid);
    return err;
}
