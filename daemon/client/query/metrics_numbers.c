#include <math.h>

#include "daemon/client/query/metrics.h"
#include "daemon/job/job.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/walltime.h"

enum number {
    STEP,
    STEPS,
    STEPS_DONE,
    TOKENS,
    TERNARY,
    STRENGTH,
    SWITCH_STEP,
    LOSS,
    NORM,
    RATE,
    ZEROS,
    FLIPS,
    TOKENS_RATE,
    STEP_SECONDS,
    STEP_TIME,
    ETA,
    RANKS,
    QUEUE_POSITION,
    RESTARTS,
    REWINDS,
    SKIPPED,
    STRAGGLERS,
    SLOWEST,
    HEARTBEAT,
    CHECKPOINT_STEP,
    CHECKPOINT_TIME,
    CHECKPOINT_AGE,
    CHECKPOINT_LAST,
    STALL_LAST,
    CHECKPOINTS,
    CHECKPOINT_FAILURES,
    CHECKPOINT_SECONDS,
    STALL_SECONDS,
    EVALUATIONS,
    EVALUATION_SECONDS,
    SCORED,
    SCORED_OF,
    GPUS,
    GPU_CLOCK,
    GPU_POWER,
    GPU_TEMPERATURE,
    GPU_CAPPED,
    CREATED,
    ENDED,
    EXIT_CODE,
    NUMBERS
};

#define GAUGE   BIT_EXPOSITION_GAUGE
#define COUNTER BIT_EXPOSITION_COUNTER

static const struct bit_exposition_metric numbers[NUMBERS] = {
    [STEP] = {"bitd_run_step", GAUGE, NULL, "The last step done."},
    [STEPS] = {"bitd_run_planned_steps", GAUGE, NULL, "Steps of the whole run."},
    [STEPS_DONE] = {"bitd_run_steps", COUNTER, NULL, "Steps done, those that were done again included."},
    [TOKENS] = {"bitd_run_tokens", COUNTER, "tokens", "Tokens trained on, those of steps done again included."},
    [TERNARY] = {"bitd_run_ternary", GAUGE, NULL, "1 in the 1.58-bit phase, 0 in 16-bit."},
    [STRENGTH] = {"bitd_run_strength_ratio", GAUGE, "ratio",
                  "Strength of the codes, 0 to 1, in the ramp after the switch."},
    [SWITCH_STEP] = {"bitd_run_switch_step", GAUGE, NULL, "The last 16-bit step, planned or done."},
    [LOSS] = {"bitd_run_loss", GAUGE, NULL, "Training loss of the last step."},
    [NORM] = {"bitd_run_gradient_norm", GAUGE, NULL, "Gradient norm of the last step, before clipping."},
    [RATE] = {"bitd_run_learning_rate", GAUGE, NULL, "Learning rate of the last step."},
    [ZEROS] = {"bitd_run_zero_codes_ratio", GAUGE, "ratio", "Share of weight codes that are 0."},
    [FLIPS] = {"bitd_run_flipped_codes_ratio", GAUGE, "ratio",
               "Share of weight codes that differ from the step before."},
    [TOKENS_RATE] = {"bitd_run_tokens_per_second", GAUGE, NULL, "Tokens a second over the last steps of this phase."},
    [STEP_SECONDS] = {"bitd_run_step_duration_seconds", GAUGE, "seconds", "How long the last step took."},
    [STEP_TIME] = {"bitd_run_last_step_timestamp_seconds", GAUGE, "seconds", "When the last step was reported."},
    [ETA] = {"bitd_run_eta_seconds", GAUGE, "seconds", "Time until a training run ends, at its present speed."},
    [RANKS] = {"bitd_run_ranks", GAUGE, NULL, "Ranks of the present launch, or the next."},
    [QUEUE_POSITION] = {"bitd_run_queue_position", GAUGE, NULL, "Place in the queue; 1 is the next to start."},
    [RESTARTS] = {"bitd_run_restarts", COUNTER, NULL, "Launches that were lost."},
    [REWINDS] = {"bitd_run_rewinds", COUNTER, NULL, "Times that it went back to a checkpoint."},
    [SKIPPED] = {"bitd_run_skipped_steps", COUNTER, NULL, "Steps without an update."},
    [STRAGGLERS] = {"bitd_run_stragglers", GAUGE, NULL,
                    "Ranks that are slower than guard.straggler_ratio allows, now."},
    [SLOWEST] = {"bitd_run_slowest_rank_ratio", GAUGE, "ratio",
                 "Work of the slowest rank over the median of all ranks, over the last steps."},
    [HEARTBEAT] = {"bitd_run_heartbeat_age_seconds", GAUGE, "seconds",
                   "Time since the last heartbeat of the rank that is silent the longest."},
    [CHECKPOINT_STEP] = {"bitd_run_checkpoint_step", GAUGE, NULL, "Step of the newest durable checkpoint."},
    [CHECKPOINT_TIME] = {"bitd_run_checkpoint_timestamp_seconds", GAUGE, "seconds",
                         "When the newest durable checkpoint was written."},
    [CHECKPOINT_AGE] = {"bitd_run_checkpoint_age_seconds", GAUGE, "seconds",
                        "Age of the newest durable checkpoint: what a fault would cost at least."},
    [CHECKPOINT_LAST] = {"bitd_run_checkpoint_duration_seconds", GAUGE, "seconds",
                         "How long the newest checkpoint took to write."},
    [STALL_LAST] = {"bitd_run_checkpoint_stall_seconds", GAUGE, "seconds",
                    "How long training stood still for the newest checkpoint."},
    [CHECKPOINTS] = {"bitd_run_checkpoints", COUNTER, NULL, "Checkpoints written."},
    [CHECKPOINT_FAILURES] = {"bitd_run_checkpoint_failures", COUNTER, NULL, "Checkpoints that could not be written."},
    [CHECKPOINT_SECONDS] = {"bitd_run_checkpoint_write_seconds", COUNTER, "seconds", "Time of writing checkpoints."},
    [STALL_SECONDS] = {"bitd_run_checkpoint_stalled_seconds", COUNTER, "seconds",
                       "Time that training stood still for checkpoints."},
    [EVALUATIONS] = {"bitd_run_evaluations", COUNTER, NULL,
                     "Evaluations of a held-out set in a precision, and of portions of a task."},
    [EVALUATION_SECONDS] = {"bitd_run_evaluation_seconds", COUNTER, "seconds", "Time of evaluations."},
    [SCORED] = {"bitd_run_scored_items", GAUGE, NULL, "Items of all tasks that the present evaluation has scored."},
    [SCORED_OF] = {"bitd_run_scored_items_planned", GAUGE, NULL, "Items of all tasks of the present evaluation."},
    [GPUS] = {"bitd_run_gpus", GAUGE, NULL, "GPUs of a training run that report their state."},
    [GPU_CLOCK] = {"bitd_run_gpu_clock_hertz", GAUGE, "hertz", "Clock of its slowest GPU."},
    [GPU_POWER] = {"bitd_run_gpu_power_watts", GAUGE, "watts", "What all of its GPUs draw together."},
    [GPU_TEMPERATURE] = {"bitd_run_gpu_temperature_celsius", GAUGE, "celsius", "Temperature of its hottest GPU."},
    [GPU_CAPPED] = {"bitd_run_gpu_power_capped_ratio", GAUGE, "ratio",
                    "Share of the time in which the power cap lowers a clock, of the GPU with the highest share."},
    [CREATED] = {"bitd_run_created_timestamp_seconds", GAUGE, "seconds", "When it was submitted."},
    [ENDED] = {"bitd_run_ended_timestamp_seconds", GAUGE, "seconds", "When it ended."},
    [EXIT_CODE] = {"bitd_run_exit_code", GAUGE, NULL, "Exit code of bitctl wait; 0: completed."},
};

static bool given(bool has, double value, double *out)
{
    *out = value;
    return has;
}

/* ---- one function for each source of numbers; false: the run has no such number */

static bool number_of_step(const Bit__StepReport *last, enum number which, double *out)
{
    if (last == NULL)
        return false;
    switch (which) {
    case LOSS:
        return given(!last->skipped, last->loss, out);
    case NORM:
        return given(!last->skipped, last->grad_norm, out);
    case RATE:
        return given(true, last->lr, out);
    case STEP_SECONDS:
        return given(true, last->ms / 1000, out);
    case ZEROS:
        return given(last->has_zero_fraction, last->zero_fraction, out);
    case FLIPS:
        return given(last->has_flip_rate, last->flip_rate, out);
    default:
        return false;
    }
}

static bool number_of_status(const Bit__RunStatus *s, enum number which, double *out)
{
    switch (which) {
    case STEP:
        return given(true, (double)s->step, out);
    case STEPS:
        return given(true, (double)s->steps, out);
    case TERNARY:
        return given(true, s->precision == BIT__PRECISION__TERNARY, out);
    case STRENGTH:
        return given(s->precision == BIT__PRECISION__TERNARY, s->strength, out);
    case SWITCH_STEP:
        return given(s->has_switch_after, (double)s->switch_after, out);
    case TOKENS_RATE:
        return given(s->has_tokens_per_s, s->tokens_per_s, out);
    case ETA:
        return given(s->has_eta_s, s->eta_s, out);
    case RANKS:
        return given(s->has_ranks, s->ranks, out);
    case QUEUE_POSITION:
        return given(s->has_queue_position, s->queue_position, out);
    case RESTARTS:
        return given(true, s->restarts, out);
    case SCORED:
        return s->scoring != NULL && given(true, (double)s->scoring->all_items, out);
    case SCORED_OF:
        return s->scoring != NULL && given(true, (double)s->scoring->of_all_items, out);
    case CREATED:
        return given(s->has_created_ns, (double)s->created_ns * 1e-9, out);
    case ENDED:
        return given(s->has_ended_ns, (double)s->ended_ns * 1e-9, out);
    case EXIT_CODE:
        return given(s->has_exit_code, s->exit_code, out);
    default:
        return number_of_step(s->last, which, out);
    }
}

static bool number_of_gpu(const Bit__GpuLoad *gpu, enum number which, double *out)
{
    if (gpu == NULL)
        return false;
    switch (which) {
    case GPUS:
        return given(true, gpu->gpus, out);
    case GPU_CLOCK:
        return given(gpu->has_clock_mhz, gpu->clock_mhz * 1e6, out);
    case GPU_POWER:
        return given(gpu->has_power_w, gpu->power_w, out);
    case GPU_TEMPERATURE:
        return given(gpu->has_temperature_c, gpu->temperature_c, out);
    case GPU_CAPPED:
        return given(gpu->has_power_capped, gpu->power_capped, out);
    default:
        return false;
    }
}

static bool number_of_totals(const struct bit_totals *t, enum number which, double *out)
{
    switch (which) {
    case STEPS_DONE:
        return given(true, (double)t->steps, out);
    case TOKENS:
        return given(true, (double)t->tokens, out);
    case SKIPPED:
        return given(true, (double)t->skipped, out);
    case CHECKPOINT_LAST:
        return given(t->checkpoints > 0, t->last_checkpoint_ms / 1000, out);
    case STALL_LAST:
        return given(t->checkpoints > 0, t->last_stall_ms / 1000, out);
    case CHECKPOINTS:
        return given(true, (double)t->checkpoints, out);
    case CHECKPOINT_FAILURES:
        return given(true, (double)t->checkpoint_failures, out);
    case CHECKPOINT_SECONDS:
        return given(true, t->checkpoint_ms / 1000, out);
    case STALL_SECONDS:
        return given(true, t->stall_ms / 1000, out);
    case EVALUATIONS:
        return given(true, (double)t->evaluations, out);
    case EVALUATION_SECONDS:
        return given(true, t->evaluation_ms / 1000, out);
    default:
        return false;
    }
}

static bool number_of_run(const struct bit_run *run, enum number which, double *out)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(run);
    const uint64_t now = bit_walltime_ns();

    switch (which) {
    case STEP_TIME:
        return given(run->last_step_ns > 0, (double)run->last_step_ns * 1e-9, out);
    case REWINDS:
        return given(true, (double)run->rewinds.count, out);
    case CHECKPOINT_STEP:
        return newest != NULL && given(true, (double)newest->step, out);
    case CHECKPOINT_TIME:
        return newest != NULL && given(true, (double)newest->time_ns * 1e-9, out);
    case CHECKPOINT_AGE:
        return newest != NULL && !bit_run_ended(run) &&
               given(true, now > newest->time_ns ? (double)(now - newest->time_ns) * 1e-9 : 0, out);
    default:
        return number_of_totals(&run->totals, which, out);
    }
}

/* ---- numbers of the job */

static bool number_of_stragglers(const struct bit_straggler *s, enum number which, double *out)
{
    double slowest = 0, named = 0;

    for (size_t r = 0; r < s->count; r++) {
        slowest = fmax(slowest, s->rank[r].ratio);
        named += s->rank[r].named;
    }
    return given(s->count > 0, which == STRAGGLERS ? named : slowest, out);
}

static bool heartbeat_age(const struct bit_job *job, double *out)
{
    bool greeted = false;

    *out = 0;
    for (uint32_t r = 0; r < job->watch.ranks && job->watch.rank != NULL; r++) {
        greeted |= job->watch.rank[r].greeted;
        if (job->watch.rank[r].greeted)
            *out = fmax(*out, (double)bit_watch_silent_ms(&job->watch, r) / 1000);
    }
    return greeted;
}

static bool number_of_job(const struct bit_job *job, enum number which, double *out)
{
    if (job == NULL)
        return false;
    return which == HEARTBEAT ? heartbeat_age(job, out) : number_of_stragglers(&job->guard.straggler, which, out);
}

static bool number_of(const struct bit_runner *r, const Bit__RunStatus *s, enum number which, double *out)
{
    switch (which) {
    case STRAGGLERS:
    case SLOWEST:
    case HEARTBEAT:
        return number_of_job(r->job, which, out);
    default:
        return number_of_status(s, which, out) || number_of_gpu(s->gpu, which, out) ||
               number_of_run(&r->run, which, out);
    }
}

void bit_metrics_put_numbers(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    double value;

    for (int which = 0; which < NUMBERS; which++) {
        bit_exposition_begin(e, &numbers[which]);
        for (size_t i = 0; i < runs->count; i++) {
            if (!number_of(runs->runner[i], &runs->status[i].message, (enum number)which, &value))
                continue;
            bit_exposition_label(e, "run", runs->runner[i]->run.id);
            bit_exposition_sample(e, NULL, value);
        }
    }
}
