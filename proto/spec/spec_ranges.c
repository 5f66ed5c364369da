#include "proto/spec/spec_ranges.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_wrong.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

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

/* A range for elements of a list, which spec_data applies. */
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

/* By default min_ranks is launch.ranks, whose own problem is enough. */
static bool is_said_of_ranks(const Bit__RunSpec *spec, const struct bit_spec_range *r)
{
    const Bit__LaunchSpec *launch = spec->launch;

    return strcmp(r->path, "launch.slurm.min_ranks") == 0 && launch != NULL && launch->slurm != NULL &&
           launch->slurm->min_ranks == launch->ranks;
}

void bit_spec_ranges_check(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    for (size_t i = 0; i < BIT_COUNT(ranges); i++)
        if (!is_said_of_ranks(spec, &ranges[i]))
            check_range(spec, &ranges[i], problems);
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

void bit_spec_ranges_name_origins(const Bit__RunSpec *spec, struct bit_problems *problems, int first)
{
    for (int i = first; i < bit_problems_kept(problems); i++)
        if (bit_spec_range(problems->item[i].field) != NULL && !bit_problems_given(problems, problems->item[i].field))
            name_default(spec, &problems->item[i]);
}
