#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_eval_run.h"
#include "proto/spec/spec_slurm.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

/* Largest packed spec: the messages that contain one need some room of the frame themselves. */
#define SPEC_PACKED_MAX (BIT_FRAME_BODY_MAX - (64u << 10))

/* Adds a problem; its position is the one recorded for the field. */
#define WRONG(field, ...) bit_problems_add(problems, field, 0, 0, __VA_ARGS__)

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

/* ---- ranges */

static const struct bit_spec_range ranges[] = {
    {"model.layers", 1, BIT_LAYERS_MAX},
    {"model.width", 2, BIT_WIDTH_MAX},
    {"model.heads", 1, BIT_WIDTH_MAX},
    {"model.mlp_hidden", 1, 2 * BIT_WIDTH_MAX}, /* up to here, sums of products of int8 codes over it are exact */
    {"model.vocab", 2, BIT_VOCAB_MAX},
    {"model.vocab_padded", 2, BIT_VOCAB_MAX},
    {"model.context", 2, BIT_CONTEXT_MAX},
    {"model.rope_theta", 1, 1e12},
    {"model.norm_eps", 0, 1, true},
    {"model.clip_qkv", 0, FLT_MAX},
    {"model.init_std", 0, 10, true},
    {"batch.instances", 1, BIT_INSTANCES_MAX},
    {"batch.micro_instances", 0, BIT_INSTANCES_MAX},
    {"schedule.steps", 0, (double)BIT_STEPS_MAX},
    {"schedule.peak_lr", 0, 10, true},
    {"schedule.warmup_steps", 0, (double)BIT_STEPS_MAX},
    {"schedule.warmup_start", 0, 1},
    {"schedule.final", 0, 1},
    {"schedule.cosine_steps", 1, (double)BIT_STEPS_MAX},
    {"schedule.decay_steps", 1, (double)BIT_STEPS_MAX},
    {"schedule.stage.at_step", 1, (double)BIT_STEPS_MAX},
    {"schedule.stage.peak_lr", 0, 10, true},
    {"schedule.stage.weight_decay", 0, 10},
    {"phases.switch.at_step", 0, (double)BIT_STEPS_MAX},
    {"phases.switch.rewarm_steps", 0, (double)BIT_STEPS_MAX},
    {"phases.switch.ramp_steps", 0, (double)BIT_STEPS_MAX},
    {"phases.switch.ramp_k", 0, 1000, true},
    {"phases.switch.weight_decay", 0, 10},
    {"phases.switch.beta1", 0, 1 - DBL_EPSILON},
    {"phases.switch.beta2", 0, 1 - DBL_EPSILON},
    {"phases.switch.lr_factor", 0, 1000, true},
    {"quantizer.activation_levels", 127, 128},
    {"quantizer.eps", 0, 1, true},
    {"optimizer.beta1", 0, 1 - DBL_EPSILON},
    {"optimizer.beta2", 0, 1 - DBL_EPSILON},
    {"optimizer.eps", 0, 1, true},
    {"optimizer.weight_decay", 0, 10},
    {"optimizer.clip_norm", 0, FLT_MAX}, /* 0: off */
    {"checkpoint.every", 0, (double)BIT_STEPS_MAX},
    {"checkpoint.keep_last", 1, 1e6},
    {"checkpoint.keep_every", 0, (double)BIT_STEPS_MAX},
    {"eval.every", 0, (double)BIT_STEPS_MAX},
    {"eval.instances", 1, BIT_INSTANCES_MAX},
    {"eval.tasks_every", 0, (double)BIT_STEPS_MAX},
    {"launch.ranks", 1, BIT_RANKS_MAX},
    {"launch.threads", 0, 4096},
    {"launch.shard_ranks", 0, BIT_RANKS_MAX},
    {"launch.max_restarts", 0, 1e6},
    {"launch.memory_gib", 0, 1e6},
    {"guard.loss_sigmas", 0, 1e6},
    {"guard.norm_sigmas", 0, 1e6},
    {"guard.window", 16, BIT_WINDOW_MAX},
    {"guard.settle_steps", 0, (double)BIT_STEPS_MAX},
    {"guard.settle_band", 1, 1e6},
    {"guard.most", 0, 100},
    {"guard.rewind_steps", 0, (double)BIT_STEPS_MAX},
    {"guard.skip_batches", 0, (double)BIT_STEPS_MAX},
    {"guard.straggler_ratio", 0, 1e6},
    {"guard.straggler_steps", 1, 1e6},
    {"guard.replica_every", 0, (double)BIT_STEPS_MAX},
    {"launch.slurm.nodes", 0, BIT_RANKS_MAX},
    {"launch.slurm.ranks_per_node", 0, 4096},
    {"launch.slurm.min_ranks", 1, BIT_RANKS_MAX},
    {"launch.slurm.warn_s", 0, 86400},
};

/* A range for elements of a list, which check_source applies. */
static const struct bit_spec_range source_weight = {"data.source[].weight", 1e-6, 1e6, false};

const struct bit_spec_range *bit_spec_range(const char *path)
{
    for (size_t i = 0; i < BIT_COUNT(ranges); i++)
        if (strcmp(ranges[i].path, path) == 0)
            return &ranges[i];
    return strcmp(source_weight.path, path) == 0 ? &source_weight : NULL;
}

/* The number at a path; false if the field or one of its parent messages is absent. */
static bool number_at(const ProtobufCMessage *msg, const char *path, double *out)
{
    for (const char *name = path;;) {
        size_t len = strcspn(name, ".");
        const ProtobufCFieldDescriptor *field = bit_field_find(msg->descriptor, name, len);
        BIT_ASSERT(field != NULL);
        if (bit_field_count(msg, field) == 0)
            return false;
        if (name[len] == '.') {
            msg = bit_field_message(msg, field, 0);
            name += len + 1;
            continue;
        }
        const void *at = bit_field_at(msg, field, 0);
        if (field->type == PROTOBUF_C_TYPE_DOUBLE)
            *out = *(const double *)at;
        else
            *out = field->type == PROTOBUF_C_TYPE_UINT64 ? (double)*(const uint64_t *)at
                                                         : (double)*(const uint32_t *)at;
        return true;
    }
}

static void check_range(const Bit__RunSpec *spec, const struct bit_spec_range *r, struct bit_problems *problems)
{
    char is[32], least[32], most[32];
    double value;

    if (!number_at(&spec->base, r->path, &value))
        return;
    /* Written so that a NaN does not pass. */
    if ((r->above ? value > r->least : value >= r->least) && value <= r->most)
        return;
    bit_double_format(value, is);
    bit_double_format(r->least, least);
    bit_double_format(r->most, most);
    if (value > r->most && r->most < 1 && r->most > 0.5)
        WRONG(r->path, "%s is not below 1", is);
    else if (value > r->most)
        WRONG(r->path, "%s is above %s", is, most);
    else
        WRONG(r->path, "%s is not %s %s", is, r->above ? "above" : "at least", least);
}

/* ---- names and paths */

static void check_name(const char *name, const char *field, struct bit_problems *problems)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t good = strspn(name, allowed), len = strlen(name);

    if (len == 0)
        WRONG(field, "empty");
    else if (len > BIT_NAME_MAX)
        WRONG(field, "%zu characters are more than %d", len, BIT_NAME_MAX);
    else if (good < len)
        WRONG(field, "'%.64s' may hold letters, digits, '.', '_' and '-' only", name);
    else if (name[0] == '.' || name[0] == '-')
        WRONG(field, "'%s' may not begin with '%c'", name, name[0]);
}

static void check_path(const char *path, const char *field, struct bit_problems *problems)
{
    if (path[0] == '\0')
        WRONG(field, "empty path");
    else if (strlen(path) >= BIT_PATH_MAX)
        WRONG(field, "a path of %zu bytes; at most %d", strlen(path), BIT_PATH_MAX - 1);
}

static void check_paths(char *const *path, size_t count, const char *field, struct bit_problems *problems)
{
    char one[96];

    if (count == 0)
        WRONG(field, "no token files: bitctl tokenize makes them");
    if (count > BIT_DATA_FILES_MAX)
        WRONG(field, "%zu files are more than %d", count, BIT_DATA_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(one, sizeof one, "%s[%zu]", field, i);
        check_path(path[i], one, problems);
    }
}

static void check_source_name(const Bit__DataSpec *data, size_t i, const char *field, struct bit_problems *problems)
{
    const char *name = data->source[i]->name;

    if (name == NULL) {
        WRONG(field, "not set");
        return;
    }
    check_name(name, field, problems);
    for (size_t k = 0; k < i; k++)
        if (data->source[k]->name != NULL && strcmp(data->source[k]->name, name) == 0)
            WRONG(field, "'%.64s' is the name of another source", name);
}

static void check_source(const Bit__DataSpec *data, size_t i, struct bit_problems *problems)
{
    const Bit__DataSource *source = data->source[i];
    char field[64];

    snprintf(field, sizeof field, "data.source[%zu].name", i);
    check_source_name(data, i, field, problems);
    snprintf(field, sizeof field, "data.source[%zu].path", i);
    check_paths(source->path, source->n_path, field, problems);
    snprintf(field, sizeof field, "data.source[%zu].weight", i);
    if (!source->has_weight && data->n_source > 1)
        WRONG(field, "not set: its share of the tokens, relative to the others'");
    if (source->has_weight &&
        !(source->weight >= source_weight.least && source->weight <= source_weight.most)) /* or NaN */
        WRONG(field, "%g is not from %g to %g", source->weight, source_weight.least, source_weight.most);
}

static void check_data(const Bit__DataSpec *data, struct bit_problems *problems)
{
    if (data->n_source == 0) {
        check_paths(data->train, data->n_train, "data.train", problems);
        return;
    }
    if (data->n_train > 0)
        WRONG("data.train", "not together with data.source: give these files a source of their own");
    if (data->n_source > BIT_SOURCES_MAX)
        WRONG("data.source", "%zu sources are more than %d", data->n_source, BIT_SOURCES_MAX);
    for (size_t i = 0; i < BIT_MIN(data->n_source, (size_t)BIT_SOURCES_MAX); i++)
        check_source(data, i, problems);
}

static void check_eval_set(const Bit__EvalSpec *eval, size_t i, struct bit_problems *problems)
{
    const Bit__EvalSet *set = eval->set[i];
    char field[64];

    snprintf(field, sizeof field, "eval.set[%zu].name", i);
    if (set->name == NULL) {
        WRONG(field, "not set");
    } else {
        check_name(set->name, field, problems);
        for (size_t k = 0; k < i; k++)
            if (eval->set[k]->name != NULL && strcmp(eval->set[k]->name, set->name) == 0)
                WRONG(field, "'%.64s' is the name of another set", set->name);
    }
    snprintf(field, sizeof field, "eval.set[%zu].path", i);
    if (set->n_path == 0)
        WRONG(field, "no token files");
    for (size_t k = 0; k < set->n_path; k++) {
        snprintf(field, sizeof field, "eval.set[%zu].path[%zu]", i, k);
        check_path(set->path[k], field, problems);
    }
}

/* Checks a list of steps. */
static void check_at(const uint64_t *at, size_t count, const char *name, const Bit__ScheduleSpec *schedule,
                     struct bit_problems *problems)
{
    char field[64];

    if (count > BIT_AT_MAX)
        WRONG(name, "%zu steps are more than %d", count, BIT_AT_MAX);
    for (size_t i = 0; i < BIT_MIN(count, (size_t)BIT_AT_MAX); i++) {
        snprintf(field, sizeof field, "%s[%zu]", name, i);
        if (at[i] == 0 || at[i] > schedule->steps)
            WRONG(field, "there is no step %" PRIu64 ": the run has %s%" PRIu64, at[i],
                  schedule->steps > 0 ? "1 to " : "", schedule->steps);
    }
}

static void check_eval(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule, struct bit_problems *problems)
{
    if (eval->n_set > BIT_EVAL_SETS_MAX)
        WRONG("eval.set", "%zu sets are more than %d", eval->n_set, BIT_EVAL_SETS_MAX);
    for (size_t i = 0; i < BIT_MIN(eval->n_set, (size_t)BIT_EVAL_SETS_MAX); i++)
        check_eval_set(eval, i, problems);
    if (eval->every > 0 && eval->n_set == 0)
        WRONG("eval.every", "every %llu steps, but there is no eval.set", (unsigned long long)eval->every);
    if (eval->n_at > 0 && eval->n_set == 0)
        WRONG("eval.at", "there is no eval.set");
    check_at(eval->at, eval->n_at, "eval.at", schedule, problems);
}

static void check_task(const Bit__EvalSpec *eval, size_t i, struct bit_problems *problems)
{
    const Bit__TaskSpec *task = eval->task[i];
    char field[64];

    snprintf(field, sizeof field, "eval.task[%zu].name", i);
    if (task->name != NULL)
        check_name(task->name, field, problems);
    for (size_t k = 0; k < i && task->name != NULL; k++)
        if (eval->task[k]->name != NULL && strcmp(eval->task[k]->name, task->name) == 0)
            WRONG(field, "'%.64s' is the name of another task", task->name);
    snprintf(field, sizeof field, "eval.task[%zu].path", i);
    if (task->path == NULL)
        WRONG(field, "not set: a request file, of `bitctl tokenize --requests`");
    else
        check_path(task->path, field, problems);
}

static void check_tasks(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule, struct bit_problems *problems)
{
    if (eval->n_task > BIT_TASKS_MAX)
        WRONG("eval.task", "%zu tasks are more than %d", eval->n_task, BIT_TASKS_MAX);
    for (size_t i = 0; i < BIT_MIN(eval->n_task, (size_t)BIT_TASKS_MAX); i++)
        check_task(eval, i, problems);
    if (eval->tasks_every > 0 && eval->n_task == 0)
        WRONG("eval.tasks_every", "every %" PRIu64 " steps, but there is no eval.task", eval->tasks_every);
    if (eval->n_tasks_at > 0 && eval->n_task == 0)
        WRONG("eval.tasks_at", "there is no eval.task");
    check_at(eval->tasks_at, eval->n_tasks_at, "eval.tasks_at", schedule, problems);
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
    if (ranks == 0)
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
    check_data(spec->data, problems);
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

/* ---- the origin of a value */

/* Whether a model preset gives the field a value. */
static bool preset_gives(const char *name, const char *path)
{
    size_t count;
    const struct bit_preset *preset = bit_spec_model_presets(&count);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *msg = NULL;
    double value;
    bool gives = false;

    for (size_t i = 0; i < count && problems != NULL; i++)
        if (strcmp(preset[i].name, name) == 0 &&
            bit_text_parse(&bit__run_spec__descriptor, preset[i].text, strlen(preset[i].text), &msg, problems) == 0)
            gives = number_at(msg, path, &value);
    bit_msg_free(msg);
    free(problems);
    return gives;
}

/* Appends the value to a problem, if it is not in the specification, and where it comes from. */
static void name_default(const Bit__RunSpec *spec, struct bit_problem *p)
{
    const char *preset = spec->model != NULL ? spec->model->preset : NULL;
    char is[32];
    double value;

    if (!number_at(&spec->base, p->field, &value))
        return;
    bit_double_format(value, is);
    const bool of_folder = spec->model != NULL && spec->model->from != NULL && strncmp(p->field, "model.", 6) == 0;
    bit_format_more(p->text, sizeof p->text, " (%s is %s)", is,
                    preset != NULL && preset_gives(preset, p->field) ? "model.preset's"
                    : of_folder                                      ? "model.from's"
                                                                     : "the default");
}

static void name_defaults(const Bit__RunSpec *spec, struct bit_problems *problems, int first)
{
    for (int i = first; i < bit_problems_kept(problems); i++)
        if (bit_spec_range(problems->item[i].field) != NULL && !bit_problems_given(problems, problems->item[i].field))
            name_default(spec, &problems->item[i]);
}

int bit_spec_validate(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    int before = problems->count;

    check_set(&spec->base, "", problems);
    for (size_t i = 0; i < BIT_COUNT(ranges); i++)
        check_range(spec, &ranges[i], problems);
    /* The other checks read these fields without checking that they are present. */
    bool whole = spec->name != NULL && spec->model != NULL && spec->data != NULL && spec->batch != NULL &&
                 spec->schedule != NULL && spec->phases != NULL && spec->quantizer != NULL && spec->eval != NULL &&
                 spec->launch != NULL && spec->guard != NULL && spec->checkpoint != NULL;
    if (whole) {
        check_name(spec->name, "name", problems);
        bit_spec_check_eval_run(spec, problems);
        if (!bit_spec_evaluates_only(spec))
            check_training(spec, problems);
        check_eval(spec->eval, spec->schedule, problems);
        check_at(spec->checkpoint->at, spec->checkpoint->n_at, "checkpoint.at", spec->schedule, problems);
        check_tasks(spec->eval, spec->schedule, problems);
        check_model(spec->model, problems);
        check_codes(spec, problems);
        check_batch(spec, problems);
        check_quantizer(spec->quantizer, problems);
        if (spec->model != NULL) {
            check_data_gradient(spec, problems);
            check_medians(spec, problems);
        }
        check_guard(spec->guard, problems);
        bit_spec_check_slurm(spec, problems);
        check_size(spec, problems);
        name_defaults(spec, problems, before);
    }
    bit_problems_sort(problems);
    return problems->count > before ? bit_fail(BIT_ESPEC, "%d problems", problems->count - before) : 0;
}
