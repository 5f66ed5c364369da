#include "daemon/run/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/fork_peer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define BACKOFF_FIRST_MS  1000
#define BACKOFF_DOUBLINGS 20

void bit_run_init(struct bit_run *run, uint64_t number, Bit__RunSpec *spec)
{
    *run = (struct bit_run){.number = number, .spec = spec, .precision = BIT__PRECISION__SIXTEEN_BIT};
    snprintf(run->id, sizeof run->id, "r%" PRIu64, number);
    bit_history_init(&run->history);
    bit_switch_plan_init(&run->plan, spec);
}

void bit_run_finish(struct bit_run *run)
{
    free(run->changes);
    bit_after_finish(&run->after);
    bit_tags_finish(&run->tags);
    bit_live_changes_finish(&run->live);
    bit_msg_free(run->spec);
    bit_history_finish(&run->history);
    bit_evaluations_finish(&run->eval.held_out);
    bit_task_results_finish(&run->eval.tasks);
    bit_rewinds_finish(&run->rewinds);
    bit_msg_free(run->verified);
    bit_msg_free(run->resumed);
    bit_msg_free(run->fork);
    bit_msg_free(run->fork_verified);
    bit_fork_peer_destroy(run->peer);
    bit_msg_free(run->checkpoints.set_aside);
    free(run->machine);
    free(run->checkpoints.list);
    free(run->applied);
    memset(run, 0, sizeof *run);
}

bool bit_run_ended(const struct bit_run *run)
{
    return run->state == BIT__RUN_STATE__COMPLETED || run->state == BIT__RUN_STATE__CANCELLED ||
           run->state == BIT__RUN_STATE__FAILED;
}

bool bit_run_active(const struct bit_run *run)
{
    return !bit_run_ended(run) && run->state != BIT__RUN_STATE__QUEUED && run->state != BIT__RUN_STATE__PAUSED;
}

const char *bit_run_state_name(Bit__RunState state)
{
    static const char *const names[] = {"unknown",    "queued",  "starting",  "training",   "pausing",   "paused",
                                        "restarting", "blocked", "completed", "cancelling", "cancelled", "failed"};

    return (unsigned)state < BIT_COUNT(names) ? names[state] : names[0];
}

const struct bit_run_applied *bit_run_find_applied(const struct bit_run *run, const char *request_id)
{
    size_t held = BIT_MIN(run->applied_count, (size_t)BIT_RUN_APPLIED_MAX);

    for (size_t i = 0; i < held; i++)
        if (strcmp(run->applied[i].request_id, request_id) == 0)
            return &run->applied[i];
    return NULL;
}

int bit_run_note_applied(struct bit_run *run, const char *request_id, uint64_t step, bool cancelled)
{
    if (run->applied == NULL && (run->applied = calloc(BIT_RUN_APPLIED_MAX, sizeof *run->applied)) == NULL)
        return bit_fail(-ENOMEM, "the request ids of %s", run->id);
    struct bit_run_applied *a = &run->applied[run->applied_count++ % BIT_RUN_APPLIED_MAX];
    *a = (struct bit_run_applied){.step = step, .seq = run->seq, .cancelled = cancelled};
    bit_format(a->request_id, sizeof a->request_id, "%s", request_id);
    return 0;
}

void bit_run_set_ranks(Bit__RunSpec *spec, uint32_t ranks)
{
    spec->launch->ranks = ranks;
    spec->launch->has_ranks = true;
    if (spec->launch->slurm != NULL)
        spec->launch->slurm->min_ranks = BIT_MIN(spec->launch->slurm->min_ranks, ranks);
}

void bit_run_set_steps(Bit__RunSpec *spec, uint64_t steps, uint64_t cosine_steps)
{
    spec->schedule->steps = steps;
    if (cosine_steps != 0)
        spec->schedule->cosine_steps = cosine_steps;
}

void bit_run_rest(struct bit_run *run)
{
    bit_history_thin(&run->history);
}

uint32_t bit_run_ranks(const struct bit_run *run)
{
    return run->launch.ranks != 0 ? run->launch.ranks : run->spec->launch->ranks;
}

const struct bit_run_checkpoint *bit_run_newest(const struct bit_run *run)
{
    return run->checkpoints.count ? &run->checkpoints.list[run->checkpoints.count - 1] : NULL;
}

const struct bit_run_checkpoint *bit_run_find_checkpoint(const struct bit_run *run, const char *name)
{
    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (strcmp(run->checkpoints.list[i].name, name) == 0)
            return &run->checkpoints.list[i];
    return NULL;
}

const struct bit_run_checkpoint *bit_run_checkpoint_at(const struct bit_run *run, uint64_t step)
{
    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].step == step)
            return &run->checkpoints.list[i];
    return NULL;
}

bool bit_run_asked_at(const struct bit_run *run, uint64_t step)
{
    for (size_t i = 0; i < run->checkpoints.asked_count; i++)
        if (run->checkpoints.asked[i] == step)
            return true;
    return false;
}

uint64_t bit_run_backoff_ms(const struct bit_run *run, uint64_t most_ms)
{
    unsigned losses = BIT_MAX(run->launch.failures, run->fruitless);
    unsigned doublings = losses > 0 ? BIT_MIN(losses - 1, (unsigned)BACKOFF_DOUBLINGS) : 0;

    return BIT_MIN((uint64_t)BACKOFF_FIRST_MS << doublings, most_ms);
}

uint64_t bit_run_position(const struct bit_run *run, uint64_t step)
{
    return bit_rewinds_position(&run->rewinds, step);
}

double bit_run_step_ms(const struct bit_run *run)
{
    unsigned held = BIT_MIN(run->rate.count, (unsigned)BIT_RUN_RATE_STEPS);
    double ms = 0;

    for (unsigned i = 0; i < held; i++)
        ms += run->rate.ms[i];
    return held ? ms / held : 0;
}

double bit_run_tokens_per_s(const struct bit_run *run)
{
    unsigned held = BIT_MIN(run->rate.count, (unsigned)BIT_RUN_RATE_STEPS);
    double ms = 0, tokens = 0;

    for (unsigned i = 0; i < held; i++) {
        ms += run->rate.ms[i];
        tokens += (double)run->rate.tokens[i];
    }
    return ms > 0 ? tokens * 1000 / ms : 0;
}

int bit_run_exit_code(int err)
{
    switch (err) {
    case BIT_ESPEC:
        return BIT_EXIT_SPEC;
    case BIT_EDATA:
    case BIT_ECORRUPT:
        return BIT_EXIT_CORRUPT;
    case BIT_ELAUNCH:
        return BIT_EXIT_LAUNCH;
    case BIT_ENUMERIC:
    case BIT_EDIFFERS:
    case BIT_EREPLICA:
        return BIT_EXIT_POLICY;
    default:
        return BIT_EXIT_RUN_FAILED;
    }
}

bool bit_run_is_fatal(int err)
{
    return err == BIT_EDATA || err == BIT_EMEMORY || err == BIT_ESPEC || err == BIT_ENUMERIC || err == BIT_EPHASE ||
           err == BIT_EDIFFERS || err == BIT_EREPLICA || err == BIT_ELAUNCH;
}
