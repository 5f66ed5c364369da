#include "daemon/store/sweeps/sweep_parents.h"

#include "daemon/store/runs/runs.h"
#include "proto/check.h"

/* ---- whether a run is the parent that was planned */

static bool edits_match(const struct bit_run *run, const Bit__RunSpec *branch, uint64_t step)
{
    for (size_t i = 0; i < run->live.edit_count; i++) {
        const Bit__RunChanged *edit = run->live.edit[i];
        if (edit->has_skip_from && edit->skip_from <= bit_run_position(run, step))
            return false;
        if (edit->after_step < step && bit_sweep_plan_common(bit_run_spec_at(run, edit->after_step + 1), branch) < step)
            return false;
    }
    return true;
}

static bool switch_matches(const struct bit_run *run, const Bit__RunSpec *branch, uint64_t step)
{
    const Bit__SwitchSpec *sw = branch->phases->switch_;
    const bool planned = run->switched || run->plan.planned, wanted = sw != NULL && sw->at_step < step;
    const uint64_t at = run->switched ? run->switched_after : run->plan.at_step;

    if (planned && at < step)
        return wanted && sw->at_step == at && sw->optimizer == run->plan.optimizer;
    return !wanted;
}

bool bit_sweep_parents_match(const struct bit_run *run, const Bit__RunSpec *branch, uint64_t step)
{
    for (size_t i = 0; i < run->rewinds.count; i++)
        if (run->rewinds.item[i].to < step && run->rewinds.item[i].skip > 0)
            return false;
    return run->rewinds.base == 0 && switch_matches(run, branch, step) && edits_match(run, branch, step);
}

/* ---- whether it will have a checkpoint */

static bool goes_on(const struct bit_runner *r)
{
    return !r->corrupt && !bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__CANCELLING;
}

static bool is_lost(const struct bit_runner *r, const Bit__RunSpec *branch, uint64_t step)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);

    if (r->corrupt || !bit_sweep_parents_match(&r->run, branch, step))
        return true;
    if (bit_run_checkpoint_at(&r->run, step) != NULL)
        return false;
    return (bit_run_ended(&r->run) && r->job == NULL) || (newest != NULL && newest->step > step);
}

bool bit_sweep_parents_is_lost(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch)
{
    const Bit__SweepPlace *place = s->progress->place[branch];

    if (bit_sweep_state_is_root(s, branch))
        return false;
    const struct bit_runner *r = bit_sweep_state_run(s, runs, place->parent);
    if (r == NULL)
        return bit_sweep_state_is_settled(s, place->parent);
    return is_lost(r, s->plan->spec[branch], place->from_step);
}

/* The last step, up to `most`, after which it has a checkpoint. */
static uint64_t last_kept(const struct bit_runner *r, const Bit__RunSpec *branch, uint64_t most)
{
    uint64_t best = 0;

    for (size_t i = 0; i < r->run.checkpoints.count; i++) {
        const uint64_t step = r->run.checkpoints.list[i].step;
        if (step <= most && step > best && bit_sweep_parents_match(&r->run, branch, step))
            best = step;
    }
    return best;
}

static uint64_t better(const struct bit_run *run, uint64_t best, uint64_t step, uint64_t most)
{
    return step <= most && step > run->step_max && step > best ? step : best;
}

/* The same for checkpoints that it has yet to write. */
static uint64_t last_to_come(const struct bit_runner *r, const Bit__RunSpec *branch, uint64_t most)
{
    const Bit__CheckpointSpec *c = r->run.spec->checkpoint;
    uint64_t best = 0;

    if (!goes_on(r))
        return 0;
    for (size_t i = 0; i < c->n_at; i++)
        best = better(&r->run, best, c->at[i], most);
    if (c->every > 0)
        best = better(&r->run, best, most - most % c->every, most);
    if (r->run.plan.planned && !r->run.switched)
        best = better(&r->run, best, r->run.plan.at_step, most);
    best = better(&r->run, best, r->run.spec->schedule->steps, most);
    return best > 0 && bit_sweep_parents_match(&r->run, branch, best) ? best : 0;
}

/* ---- another parent */

/* Whether q has yet to begin and would do so only after `branch`. */
static bool descends(const struct bit_sweep *s, const struct bit_runs *runs, size_t q, size_t branch)
{
    for (size_t i = 0; i < s->plan->n_branch && bit_sweep_state_run(s, runs, q) == NULL; i++) {
        if (q == branch)
            return true;
        if (bit_sweep_state_is_root(s, q))
            return false;
        q = s->progress->place[q]->parent;
    }
    return false;
}

/* A branch that has not begun can be asked for the checkpoint. */
static uint64_t of_branch_to_come(const struct bit_sweep *s, const struct bit_runs *runs, size_t q, size_t branch,
                                  uint64_t common)
{
    const Bit__SweepPlace *place = s->progress->place[q];

    if (bit_sweep_state_is_settled(s, q) || descends(s, runs, q, branch))
        return 0;
    return common >= place->from_step || bit_sweep_parents_is_lost(s, runs, q) ? common : 0;
}

struct bit_sweep_place bit_sweep_parents_choose(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch)
{
    struct bit_sweep_place best = {.parent = branch};
    bool best_is_there = false;

    for (size_t q = 0; q < s->plan->n_branch; q++) {
        const struct bit_runner *r = q == branch ? NULL : bit_sweep_state_run(s, runs, q);
        const uint64_t common = q == branch ? 0 : bit_sweep_plan_common(s->plan->spec[q], s->plan->spec[branch]);
        if (common == 0 || (r != NULL && r->corrupt))
            continue;
        const uint64_t there = r != NULL ? last_kept(r, s->plan->spec[branch], common) : 0;
        const uint64_t to_come = r != NULL ? last_to_come(r, s->plan->spec[branch], common)
                                           : of_branch_to_come(s, runs, q, branch, common);
        const uint64_t step = BIT_MAX(there, to_come);
        if (step > best.from_step || (step > 0 && step == best.from_step && there == step && !best_is_there)) {
            best = (struct bit_sweep_place){q, step};
            best_is_there = there == step;
        }
    }
    return best;
}
