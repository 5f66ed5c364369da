#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_data.h"
#include "proto/spec/spec_eval_run.h"
#include "proto/spec/spec_ranges.h"
#include "proto/spec/spec_slurm.h"
#include "proto/spec/spec_wrong.h"
#include "proto/text/reflect.h"

/* Largest packed spec: the messages that contain one need some room of the frame themselves. */
#define SPEC_PACKED_MAX (BIT_FRAME_BODY_MAX - (64u << 10))

/* ---- everything is set */

/* Fields whose absence has a meaning. */
static const char *const may_be_absent[] = {"phases.switch",
                                            "model.preset",
                                            "model.init_from",
                                            "model.from",
                                            "data.tokenizer",
                                            "eval.precision",
                                            "quantizer.preset",
                                            "guard.preset",
                                            "schedule.preset",
                                            "schedule.decay_steps",
                                            "schedule.stage",
                                            "schedule.stage.peak_lr",
                                            "schedule.stage.weight_decay",
                                            "launch.slurm",
                                            "launch.slurm.partition",
                                            "launch.slurm.account",
                                            "launch.slurm.qos",
                                            "launch.slurm.time_limit",
                                            "launch.slurm.gres"};

static const struct {
    const char *path, *hint;
} hints[] = {
    {"model.layers", "give it, a model.preset, or model.from"},
    {"model.width", "give it, a model.preset, or model.from"},
    {"model.heads", "give it, a model.preset, or model.from"},
    {"model.mlp_hidden", "give it, a model.preset, or model.from"},
    {"schedule.peak_lr", "give it, or a model.preset, which has one"},
    {"phases.switch.at_step", "the last 16-bit step; 0 is ternary from the first"},
};

static bool absence_is_fine(const char *path)
{
    for (size_t i = 0; i < BIT_COUNT(may_be_absent); i++)
        if (strcmp(path, may_be_absent[i]) == 0)
            return true;
    return false;
}

static void report_absent(const char *path, struct bit_problems *problems)
{
    for (size_t i = 0; i < BIT_COUNT(hints); i++)
        if (strcmp(path, hints[i].path) == 0) {
            WRONG(path, "not set: %s", hints[i].hint);
            return;
        }
    WRONG(path, "not set");
}

static void check_set(const ProtobufCMessage *msg, const char *prefix, struct bit_problems *problems)
{
    char path[128];

    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            continue;
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", field->name);
        if (bit_field_count(msg, field) == 0) {
            if (!absence_is_fine(path))
                report_absent(path, problems);
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            check_set(bit_field_message(msg, field, 0), path, problems);
        }
    }
}

/* ---- rules between fields; each is skipped if its divisor is 0 */

static void check_model(const Bit__ModelSpec *m, struct bit_problems *problems)
{
    if (m->vocab_padded < m->vocab)
        WRONG("model.vocab_padded", "%u rows are fewer than the vocabulary's %u", m->vocab_padded, m->vocab);
    if (m->residual == BIT__OPERANDS__BF16 && m->operands != BIT__OPERANDS__BF16)
        WRONG("model.residual", "BF16 goes with model.operands BF16 alone");
    if (m->heads == 0)
        return;
    if (m->width % m->heads != 0)
        WRONG("model.heads", "%u heads do not divide the width %u", m->heads, m->width);
    else if (m->width / m->heads % 2 != 0)
        WRONG("model.heads", "a head's width, %u / %u = %u, is odd: rotary positions turn pairs", m->width, m->heads,
              m->width / m->heads);
    else if (m->width / m->heads > BIT_HEAD_DIM_MAX)
        WRONG("model.heads", "a head's width, %u / %u = %u, is above %d", m->width, m->heads, m->width / m->heads,
              BIT_HEAD_DIM_MAX);
}

/* Codes are packed four to a byte, and no byte may span two rows. */
static void check_codes(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const Bit__ModelSpec *m = spec->model;

    if (spec->checkpoint->codes && (m->width % 4 != 0 || m->mlp_hidden % 4 != 0))
        WRONG("checkpoint.codes", "model.width %u and model.mlp_hidden %u have to be divisible by 4", m->width,
              m->mlp_hidden);
}

static void tell_divisors(struct bit_problems *problems, uint32_t instances, uint32_t ranks)
{
    uint32_t fewer = ranks, more = ranks;

    while (instances % fewer != 0)
        fewer--;
    while (more < instances && instances % more != 0)
        more++;
    if (more < instances)
        WRONG("batch.instances", "%u is not divisible by launch.ranks %u; %u and %u divide it", instances, ranks, fewer,
              more);
    else
        WRONG("batch.instances", "%u is not divisible by launch.ranks %u; %u divides it", instances, ranks, fewer);
}

static void check_batch(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    uint32_t instances = spec->batch->instances, ranks = spec->launch->ranks, micro = spec->batch->micro_instances;
    uint64_t token_bytes = (uint64_t)spec->data->dtype * instances * spec->model->context;

    if (token_bytes > BIT_STEP_TOKEN_BYTES_MAX)
        WRONG("batch.instances", "%u instances of %u tokens are %llu MiB a step; at most %u", instances,
              spec->model->context, (unsigned long long)(token_bytes >> 20), BIT_STEP_TOKEN_BYTES_MAX >> 20);
    if (ranks == 0 || ranks > BIT_RANKS_MAX)
        return;
    if (spec->launch->shard_ranks > 0 && ranks % spec->launch->shard_ranks != 0)
        WRONG("launch.shard_ranks", "%u does not divide launch.ranks %u: give a number that does, or 0 for all of them",
              spec->launch->shard_ranks, ranks);
    if (instances % ranks != 0)
        tell_divisors(problems, instances, ranks);
    else if (micro > 0 && instances / ranks % micro != 0)
        WRONG("batch.micro_instances", "%u does not divide a rank's share, %u / %u = %u", micro, instances, ranks,
              instances / ranks);
}

static void check_schedule(const Bit__ScheduleSpec *s, struct bit_problems *problems)
{
    if (s->warmup_steps > s->cosine_steps)
        WRONG("schedule.warmup_steps", "%llu is beyond the end of the cosine, step %llu",
              (unsigned long long)s->warmup_steps, (unsigned long long)s->cosine_steps);
    if (s->has_decay_steps && s->shape != BIT__SCHEDULE_SPEC__SHAPE__WSD)
        WRONG("schedule.decay_steps", "WSD alone decays at its end: schedule.shape: WSD, or leave it out");
    else if (s->has_decay_steps && s->warmup_steps <= s->cosine_steps &&
             s->decay_steps > s->cosine_steps - s->warmup_steps)
        WRONG("schedule.decay_steps",
              "a decay of %" PRIu64 " steps to step %" PRIu64 " begins in the warm-up of %" PRIu64, s->decay_steps,
              s->cosine_steps, s->warmup_steps);
}

static void check_stage(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const Bit__StageSpec *stage = spec->schedule->stage;
    const Bit__SwitchSpec *sw = spec->phases->switch_;

    if (stage == NULL)
        return;
    if (!stage->has_peak_lr && !stage->has_weight_decay)
        WRONG("schedule.stage", "changes nothing: give it a peak_lr or a weight_decay");
    if (stage->at_step >= spec->schedule->steps)
        WRONG("schedule.stage.at_step", "%" PRIu64 " leaves no step of the second stage: the run has %" PRIu64,
              stage->at_step, spec->schedule->steps);
    else if (stage->at_step < spec->schedule->warmup_steps)
        WRONG("schedule.stage.at_step", "%" PRIu64 " is in the warm-up, which ends at step %" PRIu64, stage->at_step,
              spec->schedule->warmup_steps);
    if (stage->has_weight_decay && sw != NULL && spec->optimizer != NULL &&
        sw->weight_decay != spec->optimizer->weight_decay)
        WRONG("schedule.stage.weight_decay", "phases.switch.weight_decay has another one: give one of them");
}

static void check_switch(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const Bit__SwitchSpec *sw = spec->phases->switch_;
    unsigned long long steps = spec->schedule->steps;

    if (sw == NULL)
        return;
    if (sw->at_step >= steps)
        WRONG("phases.switch.at_step", "%llu leaves no ternary step: the run has %llu", (unsigned long long)sw->at_step,
              steps);
    else if (sw->ramp_steps > steps - sw->at_step)
        WRONG("phases.switch.ramp_steps", "a ramp of %llu steps from step %llu on does not end within the run's %llu",
              (unsigned long long)sw->ramp_steps, (unsigned long long)sw->at_step, steps);
    if (sw->lr == BIT__LR_AT_SWITCH__REWARM && sw->rewarm_steps == 0)
        WRONG("phases.switch.rewarm_steps", "REWARM over 0 steps is CONTINUE");
}

/* Rules that do not apply to a run without steps. */
static void check_training(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    bit_spec_data_check(spec->data, problems);
    check_schedule(spec->schedule, problems);
    check_stage(spec, problems);
    check_switch(spec, problems);
}

/* Sums of codes are exact up to 65536 terms (kernels/bitlinear.h); for a data gradient there is one term per output of
 * the linear. */
static void check_data_gradient(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const uint64_t most = 65536, up_and_gate = 2 * (uint64_t)spec->model->mlp_hidden,
                   qkv = 3 * (uint64_t)spec->model->width;

    if (spec->quantizer->data_gradient == BIT__DATA_GRADIENT__INT8 && (up_and_gate > most || qkv > most))
        WRONG("quantizer.data_gradient",
              "INT8 takes linears of %" PRIu64 " outputs at most: model.mlp_hidden %u has "
              "twice as many, model.width %u three times",
              most, spec->model->mlp_hidden, spec->model->width);
}

/* Counts for medians have 32 bits, because every rank sends its counts to all others. Of a block's matrices only up and
 * gate together can have too many weights for that; with a scale for each there are half as many. */
_Static_assert(3 * (uint64_t)BIT_WIDTH_MAX * BIT_WIDTH_MAX <= UINT32_MAX, "q, k and v of the widest model");
_Static_assert(2 * (uint64_t)BIT_WIDTH_MAX * BIT_WIDTH_MAX <= UINT32_MAX,
               "up of the widest model with a scale of its own");

static void check_medians(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const uint64_t up_and_gate = 2 * (uint64_t)spec->model->mlp_hidden * spec->model->width;

    if (spec->quantizer->weight_measure == BIT__MEASURE__MEDIAN && up_and_gate > UINT32_MAX &&
        spec->quantizer->granularity != BIT__GRANULARITY__PROJECTION)
        WRONG("quantizer.weight_measure",
              "MEDIAN takes matrices of %" PRIu32 " weights at most, and up and gate of model.mlp_hidden %u and "
              "model.width %u have %" PRIu64 ": MEAN, or quantizer.granularity: PROJECTION",
              UINT32_MAX, spec->model->mlp_hidden, spec->model->width, up_and_gate);
}

static void check_quantizer(const Bit__QuantizerSpec *q, struct bit_problems *problems)
{
    if (q->weight_measure == BIT__MEASURE__ABSMAX)
        WRONG("quantizer.weight_measure", "ABSMAX is for activations; weights take MEAN or MEDIAN");
}

static void check_guard(const Bit__GuardSpec *g, struct bit_problems *problems)
{
    if (g->nan == BIT__GUARD_ACTION__WARN)
        WRONG("guard.nan", "WARN would continue with NaN or infinity: SKIP_STEP, REWIND or STOP");
    if (g->replica == BIT__GUARD_ACTION__SKIP_STEP)
        WRONG("guard.replica", "SKIP_STEP leaves the copies as they are: WARN, REWIND or STOP");
    if (g->resume == BIT__GUARD_ACTION__SKIP_STEP || g->resume == BIT__GUARD_ACTION__REWIND)
        WRONG("guard.resume", "must be WARN (report the difference) or STOP");
    if (g->straggler_ratio > 0 && g->straggler_ratio <= 1)
        WRONG("guard.straggler_ratio", "%g would report ranks that are as fast as the others: above 1, or 0 for never",
              g->straggler_ratio);
}

static void check_size(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    size_t bytes = protobuf_c_message_get_packed_size(&spec->base);

    if (bytes > SPEC_PACKED_MAX)
        WRONG(NULL, "%zu bytes when packed; at most %u (fewer or shorter paths in data.train)", bytes, SPEC_PACKED_MAX);
}

/* Whether a name could be mistaken for a run's id, such as "r7". */
static bool looks_like_id(const char *name)
{
    return name[0] == 'r' && name[1] != '\0' && name[1 + strspn(name + 1, "0123456789")] == '\0';
}

int bit_spec_check_new_name(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    if (spec->name == NULL || !looks_like_id(spec->name))
        return 0;
    WRONG("name", "'%.64s' would be taken for a run's id; put another letter in it", spec->name);
    return bit_fail(BIT_ESPEC, "name");
}

int bit_spec_validate(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    int before = problems->count;

    check_set(&spec->base, "", problems);
    bit_spec_ranges_check(spec, problems);
    /* The other checks read these fields without checking that they are present. */
    bool whole = spec->name != NULL && spec->model != NULL && spec->data != NULL && spec->batch != NULL &&
                 spec->schedule != NULL && spec->phases != NULL && spec->quantizer != NULL && spec->eval != NULL &&
                 spec->launch != NULL && spec->guard != NULL && spec->checkpoint != NULL;
    if (whole) {
        bit_spec_data_check_name(spec->name, "name", problems);
        bit_spec_check_eval_run(spec, problems);
        if (!bit_spec_evaluates_only(spec))
            check_training(spec, problems);
        bit_spec_data_check_eval(spec->eval, spec->schedule, problems);
        bit_spec_data_check_at(spec->checkpoint->at, spec->checkpoint->n_at, "checkpoint.at", spec->schedule, problems);
        bit_spec_data_check_tasks(spec->eval, spec->schedule, problems);
        check_model(spec->model, problems);
        check_codes(spec, problems);
        check_batch(spec, problems);
        check_quantizer(spec->quantizer, problems);
        check_data_gradient(spec, problems);
        check_medians(spec, problems);
        check_guard(spec->guard, problems);
        bit_spec_check_slurm(spec, problems);
        check_size(spec, problems);
        bit_spec_ranges_name_origins(spec, problems, before);
    }
    bit_problems_sort(problems);
    return problems->count > before ? bit_fail(BIT_ESPEC, "%d problems", problems->count - before) : 0;
}
