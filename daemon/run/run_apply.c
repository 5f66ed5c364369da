#include "daemon/run/run_apply.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/run/fork_peer.h"
#include "daemon/run/run_checkpoints.h"
#include "daemon/run/run_steps.h"
#include "daemon/sys/lists/hostlist.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

static int apply_submitted(struct bit_run *run, const Bit__RunSubmitted *m, uint64_t time_ns)
{
    bit_format(run->request_id, sizeof run->request_id, "%s", m->request_id);
    bit_format(run->identity, sizeof run->identity, "%s", m->identity ? m->identity : "");
    bit_format(run->sweep, sizeof run->sweep, "%s", m->sweep ? m->sweep : "");
    bit_format(run->label, sizeof run->label, "%s", m->label ? m->label : "");
    run->branch = m->branch;
    run->uid = m->uid;
    run->created_ns = time_ns;
    run->state = m->paused ? BIT__RUN_STATE__PAUSED : BIT__RUN_STATE__QUEUED;
    run->priority = m->has_priority ? m->priority : 0;
    int err = bit_after_set(&run->after, m->after, m->n_after);
    if (err < 0)
        return err;
    return m->fork != NULL ? bit_fork_peer_begin(run, m->fork, time_ns) : 0;
}

/* Earlier specifications are changed in place: without a job no thread reads them. */
static void set_ranks_of_all(struct bit_run *run, uint32_t ranks)
{
    bit_run_set_ranks(run->spec, ranks);
    for (size_t i = 0; i < run->live.span_count; i++)
        bit_run_set_ranks(run->live.span[i].spec, ranks);
    run->launch.ranks = 0;
}

static void set_steps_of_all(struct bit_run *run, const Bit__RunResumed *m)
{
    const uint64_t cosine_steps = m->has_cosine_steps ? m->cosine_steps : 0;

    bit_run_set_steps(run->spec, m->steps, cosine_steps);
    for (size_t i = 0; i < run->live.span_count; i++)
        bit_run_set_steps(run->live.span[i].spec, m->steps, cosine_steps);
}

static int apply_state(struct bit_run *run, const Bit__StateChanged *m, uint64_t time_ns)
{
    int err = m->asked != NULL ? bit_run_note_applied(run, m->asked->request_id, run->step, false) : 0;

    if (m->asked != NULL && m->asked->has_ranks)
        set_ranks_of_all(run, m->asked->ranks);
    run->state = m->state;
    bit_format(run->reason, sizeof run->reason, "%s", m->reason);
    if (m->state == BIT__RUN_STATE__TRAINING && run->started_ns == 0)
        run->started_ns = time_ns;
    if (m->has_weights_digest) {
        run->has_digest = true;
        run->weights_digest = m->weights_digest;
    }
    if (!bit_run_active(run)) {
        run->launch.launched = false;
        run->launch.done.known = false;
    }
    if (!bit_run_ended(run))
        return err;
    run->ended_ns = time_ns;
    run->exit_code = m->has_exit_code ? m->exit_code : BIT_EXIT_OK;
    return err;
}

/* What the run ended with must not hold it back: neither earlier losses nor an action that the guard asked for. */
static void forget_end(struct bit_run *run)
{
    run->ended_ns = 0;
    run->exit_code = 0;
    run->has_digest = false;
    run->launch.launched = false;
    run->launch.done.known = false;
    run->launch.failures = 0;
    run->fruitless = 0;
    run->due = (struct bit_run_due){0};
    run->checkpoints.failures = 0;
    run->checkpoints.asked_count = 0;
}

static int apply_resumed(struct bit_run *run, const Bit__RunResumed *m)
{
    Bit__RunResumed *copy = bit_msg_clone(m);
    int err = copy == NULL ? bit_fail(-ENOMEM, "a resume of %s", run->id) : 0;

    if (err == 0)
        err = bit_run_apply_resumed_steps(run, m);
    if (err < 0) {
        bit_msg_free(copy);
        return err;
    }
    bit_msg_free(run->resumed);
    run->resumed = copy;
    run->resumed_event = run->seq;
    bit_after_finish(&run->after); /* the user who resumes it does not mean it to wait again */
    forget_end(run);
    if (m->asked->has_ranks)
        set_ranks_of_all(run, m->asked->ranks);
    if (m->has_steps)
        set_steps_of_all(run, m);
    run->takes_other_data = m->other_data != NULL;
    run->state = BIT__RUN_STATE__QUEUED;
    bit_format(run->reason, sizeof run->reason, "resumed by uid %u: goes on after step %" PRIu64, m->asked->uid,
               m->from_step);
    return bit_run_note_applied(run, m->asked->request_id, m->from_step, false);
}

static void apply_launched(struct bit_run *run, const Bit__WorkerLaunched *m)
{
    run->launch.attempt = m->attempt;
    run->launch.epoch = m->epoch;
    run->launch.pid = m->pid;
    run->launch.pid_start = m->pid_start;
    run->launch.launched = true;
    run->launch.stood = false;
    run->launch.done.known = false;
    bit_format(run->launch.log, sizeof run->launch.log, "%s", m->log);
    bit_format(run->launch.restore, sizeof run->launch.restore, "%s", m->restore ? m->restore : "");
    run->launch.ranks = m->has_ranks ? m->ranks : 0;
    bit_hosts_brief(m->nodes ? m->nodes : "", run->launch.nodes, sizeof run->launch.nodes);
}

static int apply_switch_planned(struct bit_run *run, const Bit__SwitchPlanned *m)
{
    run->plan.planned = !m->cancelled;
    if (m->has_at_step)
        run->plan.at_step = m->at_step;
    if (m->has_optimizer)
        run->plan.optimizer = m->optimizer;
    return bit_run_note_applied(run, m->request_id, run->plan.at_step, m->cancelled);
}

static void apply_switched(struct bit_run *run, const Bit__PhaseSwitched *m)
{
    run->switched = true;
    run->switched_after = m->after_step;
    run->precision = m->phase->precision;
    run->rate.count = 0;
}

static void count_evaluation(struct bit_run *run, uint64_t after_step)
{
    bool another = !run->eval.known || run->eval.step != after_step;

    run->eval.count = another ? 1 : run->eval.count + 1;
    run->eval.parts = another ? 0 : run->eval.parts;
    run->eval.step = after_step;
    run->eval.known = true;
    run->eval.made++;
}

static int apply_scored(struct bit_run *run, const Bit__TaskScored *m)
{
    count_evaluation(run, m->after_step);
    run->eval.parts++;
    return bit_task_results_note(&run->eval.tasks, m);
}

static int apply_evaluated(struct bit_run *run, const Bit__EvaluateReport *m)
{
    count_evaluation(run, m->after_step);
    run->eval.last = *m;
    bit_format(run->eval.set, sizeof run->eval.set, "%s", m->set);
    run->eval.last.set = run->eval.set;
    return bit_evaluations_note(&run->eval.held_out, m);
}

static void apply_lost(struct bit_run *run)
{
    run->launch.launched = false;
    run->launch.done.known = false;
    run->restarts++;
    if (run->launch.stood) {
        bool gained = run->step_max > run->step_max_lost || run->eval.made > run->evaluations_lost;
        run->fruitless = gained ? 1 : run->fruitless + 1;
        run->step_max_lost = run->step_max;
        run->evaluations_lost = run->eval.made;
    } else {
        run->launch.failures++;
    }
    run->launch.stood = false; /* the next launch may be lost before its worker is launched */
}

static int apply_ranks_done(struct bit_run *run, const Bit__RanksDone *m)
{
    if (!run->launch.launched || m->epoch != run->launch.epoch || m->step != run->step)
        return bit_fail(BIT_ECORRUPT,
                        "ranks of launch %" PRIu64 " are done after step %" PRIu64 ", and launch %" PRIu64
                        " is after step %" PRIu64,
                        m->epoch, m->step, run->launch.epoch, run->step);
    run->launch.done = (struct bit_run_done){
        .known = true, .reason = m->reason, .step = m->step, .weights_digest = m->weights_digest};
    return 0;
}

/* If the run waits for its Slurm job, the job's state is the run's reason. */
static void apply_slurm(struct bit_run *run, const Bit__SlurmJob *m)
{
    run->slurm.job = m->job;
    bit_format(run->slurm.state, sizeof run->slurm.state, "%s", m->state);
    bit_format(run->slurm.reason, sizeof run->slurm.reason, "%s", m->reason);
    if (run->state != BIT__RUN_STATE__STARTING && run->state != BIT__RUN_STATE__RESTARTING)
        return;
    if (strcmp(m->state, BIT_RUN_SLURM_NOT_SUBMITTED) == 0)
        bit_format(run->reason, sizeof run->reason, "sbatch does not take it yet: %s", m->reason);
    else if (m->job != 0)
        bit_format(run->reason, sizeof run->reason, "Slurm job %" PRIu64 " is %s: %s", m->job, m->state, m->reason);
}

static int apply_tagged(struct bit_run *run, const Bit__RunTagged *m)
{
    int err = bit_tags_apply(&run->tags, m);

    return err < 0 ? err : bit_run_note_applied(run, m->asked->request_id, run->step, false);
}

static int apply_priority(struct bit_run *run, const Bit__RunPriority *m)
{
    run->priority = m->priority;
    return bit_run_note_applied(run, m->asked->request_id, run->step, false);
}

static int apply_changed(struct bit_run *run, const Bit__JournalRecord *r)
{
    const Bit__RunChanged *m = r->changed;
    Bit__RunSpec *was = bit_msg_clone(bit_run_spec_at(run, m->after_step + 1));
    int err = was == NULL ? bit_fail(-ENOMEM, "a change") : bit_live_changes_apply(run, m);

    if (err == 0)
        err = bit_changes_note_sets(&run->changes, r, was, bit_run_spec_at(run, m->after_step + 1));
    bit_msg_free(was);
    return err < 0 ? err : bit_run_note_applied(run, m->request_id, m->after_step + 1, false);
}

static int apply(struct bit_run *run, const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_SUBMITTED:
        return apply_submitted(run, r->submitted, r->time_ns);
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        return apply_state(run, r->state, r->time_ns);
    case BIT__JOURNAL_RECORD__WHAT_LAUNCHED:
        apply_launched(run, r->launched);
        return 0;
    case BIT__JOURNAL_RECORD__WHAT_READY:
        return bit_run_apply_ready(run, r->ready);
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        return bit_run_apply_step(run, r->step, r->time_ns);
    case BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED:
        return apply_switch_planned(run, r->switch_planned);
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
        apply_switched(run, r->switched);
        return 0;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED:
        return bit_run_apply_asked(run, r->checkpoint_asked);
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        return bit_run_apply_checkpoint(run, r->checkpoint, r->time_ns);
    case BIT__JOURNAL_RECORD__WHAT_REMOVED:
        return bit_run_apply_removed(run, r->removed);
    case BIT__JOURNAL_RECORD__WHAT_PINNED:
        return bit_run_apply_pinned(run, r->pinned);
    case BIT__JOURNAL_RECORD__WHAT_TAGGED:
        return apply_tagged(run, r->tagged);
    case BIT__JOURNAL_RECORD__WHAT_PRIORITY:
        return apply_priority(run, r->priority);
    case BIT__JOURNAL_RECORD__WHAT_CHANGED:
        return apply_changed(run, r);
    case BIT__JOURNAL_RECORD__WHAT_BAD:
        return bit_run_apply_bad(run, r->bad);
    case BIT__JOURNAL_RECORD__WHAT_EVALUATED:
        return apply_evaluated(run, r->evaluated);
    case BIT__JOURNAL_RECORD__WHAT_SCORED:
        return apply_scored(run, r->scored);
    case BIT__JOURNAL_RECORD__WHAT_LOST:
        apply_lost(run);
        return 0;
    case BIT__JOURNAL_RECORD__WHAT_VERIFIED:
        return bit_run_apply_verified(run, r->verified);
    case BIT__JOURNAL_RECORD__WHAT_RANKS_DONE:
        return apply_ranks_done(run, r->ranks_done);
    case BIT__JOURNAL_RECORD__WHAT_RESUMED:
        return apply_resumed(run, r->resumed);
    case BIT__JOURNAL_RECORD__WHAT_DATA_COMPARED: /* for people; what was compared is kept in data.pb */
        return 0;
    case BIT__JOURNAL_RECORD__WHAT_SLURM:
        apply_slurm(run, r->slurm);
        return 0;
    case BIT__JOURNAL_RECORD__WHAT_MUTATION:
        return bit_run_note_applied(run, r->mutation->request_id, run->step, false);
    case BIT__JOURNAL_RECORD__WHAT_REWOUND:
        return bit_run_apply_rewound(run, r->rewound);
    default:
        return bit_fail(BIT_ECORRUPT, "a journal record of an unknown kind");
    }
}

int bit_run_apply(struct bit_run *run, const Bit__JournalRecord *r)
{
    const struct bit_changes_state was = bit_changes_look(&run->plan, run->spec);
    bool first = run->seq == 0;

    if (first != (r->what_case == BIT__JOURNAL_RECORD__WHAT_SUBMITTED))
        return bit_fail(BIT_ECORRUPT, "the first record of a journal, and no other, must be its submission");
    run->seq = r->seq;
    int err = apply(run, r);
    if (err >= 0)
        bit_totals_note(&run->totals, r);
    const struct bit_changes_state is = bit_changes_look(&run->plan, run->spec);
    if (err < 0 || r->what_case == BIT__JOURNAL_RECORD__WHAT_CHANGED) /* apply_changed noted those itself */
        return err;
    return bit_changes_note(&run->changes, r, run->step, &was, &is);
}
