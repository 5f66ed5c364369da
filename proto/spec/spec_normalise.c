#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_more_problems.h"
#include "proto/text/nearest.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

#define SIGMOID_K      15.0 /* the reference has 5, but only for its TANH */
#define TANH_K         5.0
#define EVERY          1000 /* steps between evaluations */
#define EVAL_INSTANCES 16   /* per rank at a time, in a run without steps */
#define REWARM         2000 /* OLMo's scheduler.t_warmup */
#define UNUSED_LR      1e-4 /* peak_lr of a run without steps, which does not use it */
#define WARN_S         600  /* for the last checkpoint of a Slurm job */

/* Sets an optional scalar if it is absent. */
#define DEFAULT(msg, field, value)                                                                                     \
    do {                                                                                                               \
        if (!(msg)->has_##field) {                                                                                     \
            (msg)->field = (value);                                                                                    \
            (msg)->has_##field = 1;                                                                                    \
        }                                                                                                              \
    } while (0)

static const struct bit_preset *find_preset(const struct bit_preset *list, size_t count, const char *name,
                                            const char *field, struct bit_problems *problems)
{
    struct bit_nearest nearest;
    char names[128] = "";
    size_t used = 0;

    bit_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
        bit_nearest_offer(&nearest, list[i].name);
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", list[i].name);
        BIT_ASSERT(used < sizeof names);
    }
    const char *best = bit_nearest_name(&nearest);
    if (best != NULL)
        bit_problems_add(problems, field, 0, 0, "no preset '%.40s'; did you mean %s?", name, best);
    else
        bit_problems_add(problems, field, 0, 0, "no preset '%.40s'; there are %s", name, names);
    return NULL;
}

/* Fill absent fields from a text of this program, which must parse. */
static int fill_from(Bit__RunSpec *spec, const char *text)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *filler = NULL;

    if (problems == NULL)
        return bit_fail(-ENOMEM, "defaults");
    int err = bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &filler, problems);
    BIT_ASSERT(err != BIT_ESPEC);
    if (err == 0)
        err = bit_message_fill(&spec->base, filler);
    bit_msg_free(filler);
    free(problems);
    return err;
}

static int fill_model(Bit__RunSpec *spec, struct bit_problems *problems)
{
    size_t count;
    const struct bit_preset *list = bit_spec_model_presets(&count);

    if (spec->model == NULL || spec->model->preset == NULL)
        return 0;
    const struct bit_preset *preset = find_preset(list, count, spec->model->preset, "model.preset", problems);
    return preset != NULL ? fill_from(spec, preset->text) : 0;
}

static int fill_schedule(Bit__RunSpec *spec, struct bit_problems *problems)
{
    size_t count;
    const struct bit_preset *list = bit_spec_schedule_presets(&count);

    if (spec->schedule == NULL || spec->schedule->preset == NULL)
        return 0;
    const struct bit_preset *preset = find_preset(list, count, spec->schedule->preset, "schedule.preset", problems);
    return preset != NULL ? fill_from(spec, preset->text) : 0;
}

static int fill_quantizer(Bit__RunSpec *spec, struct bit_problems *problems)
{
    size_t count;
    const struct bit_preset *list = bit_spec_quantizer_presets(&count);
    int err = 0;

    if (spec->quantizer == NULL || spec->quantizer->preset == NULL)
        err = fill_from(spec, "quantizer { preset: 'continual' }");
    if (err < 0)
        return err;
    const struct bit_preset *preset = find_preset(list, count, spec->quantizer->preset, "quantizer.preset", problems);
    return preset != NULL ? fill_from(spec, preset->text) : 0;
}

static int fill_guard(Bit__RunSpec *spec, struct bit_problems *problems)
{
    size_t count;
    const struct bit_preset *list = bit_spec_guard_presets(&count);
    int err = 0;

    if (spec->guard == NULL || spec->guard->preset == NULL)
        err = fill_from(spec, "guard { preset: 'watch' }");
    if (err < 0)
        return err;
    const struct bit_preset *preset = find_preset(list, count, spec->guard->preset, "guard.preset", problems);
    return preset != NULL ? fill_from(spec, preset->text) : 0;
}

static void derive_schedule(Bit__ScheduleSpec *s)
{
    DEFAULT(s, cosine_steps, BIT_MAX(s->steps, (uint64_t)1));
    if (s->shape == BIT__SCHEDULE_SPEC__SHAPE__WSD)
        DEFAULT(s, decay_steps, BIT_MAX(s->cosine_steps / 10, (uint64_t)1));
    if (s->stage != NULL)
        DEFAULT(s->stage, at_step, s->steps / 2);
}

/* Derives fields from other fields. Runs after the defaults, so every group but the switch is present. */
static void derive(Bit__RunSpec *spec)
{
    Bit__ModelSpec *model = spec->model;

    DEFAULT(model, vocab_padded, (uint32_t)BIT_MIN(bit_round_up(model->vocab, 128), (int64_t)UINT32_MAX));
    if (model->has_width)
        DEFAULT(model, mlp_hidden, (uint32_t)BIT_MIN(4 * (uint64_t)model->width, (uint64_t)UINT32_MAX));
    DEFAULT(spec->data, dtype, model->vocab > BIT_VOCAB_16BIT ? BIT__TOKEN_TYPE__UINT32 : BIT__TOKEN_TYPE__UINT16);
    if (bit_spec_evaluates_only(spec))
        DEFAULT(spec->schedule, peak_lr, UNUSED_LR);
    derive_schedule(spec->schedule);
    DEFAULT(spec->eval, every, spec->eval->n_set > 0 && spec->eval->n_at == 0 ? EVERY : 0);
    DEFAULT(spec->eval, damage, false);
    DEFAULT(spec->eval, tasks_every, spec->eval->n_task > 0 && spec->eval->n_tasks_at == 0 ? EVERY : 0);
}

static void derive_switch(Bit__SwitchSpec *sw, const Bit__OptimizerSpec *before)
{
    DEFAULT(sw, optimizer, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    DEFAULT(sw, lr, BIT__LR_AT_SWITCH__CONTINUE);
    DEFAULT(sw, rewarm_steps, REWARM);
    DEFAULT(sw, ramp_steps, 0);
    DEFAULT(sw, ramp, BIT__RAMP_SHAPE__TANH);
    DEFAULT(sw, ramp_k, sw->ramp == BIT__RAMP_SHAPE__SIGMOID ? SIGMOID_K : TANH_K);
    DEFAULT(sw, weight_decay, before->weight_decay);
    DEFAULT(sw, beta1, before->beta1);
    DEFAULT(sw, beta2, before->beta2);
    DEFAULT(sw, lr_factor, 1);
}

static int derive_slurm(Bit__LaunchSpec *launch)
{
    if (launch->launcher == BIT__LAUNCHER__MPIRUN && launch->slurm == NULL)
        return 0;
    if (launch->slurm == NULL) {
        launch->slurm = malloc(sizeof *launch->slurm);
        if (launch->slurm == NULL)
            return bit_fail(-ENOMEM, "launch.slurm");
        bit__slurm_spec__init(launch->slurm);
    }
    DEFAULT(launch->slurm, nodes, 0);
    DEFAULT(launch->slurm, ranks_per_node, 0);
    DEFAULT(launch->slurm, min_ranks, launch->ranks);
    DEFAULT(launch->slurm, warn_s, WARN_S);
    return 0;
}

static int make_absolute(char **path, const char *directory)
{
    const char *relative = *path;
    char *absolute;

    if (relative == NULL || relative[0] == '/' || relative[0] == '\0')
        return 0;
    while (strncmp(relative, "./", 2) == 0)
        relative += 2;
    const char *slash = directory[strlen(directory) - 1] == '/' ? "" : "/";
    if (asprintf(&absolute, "%s%s%s", directory, slash, relative) < 0)
        return bit_fail(-ENOMEM, "path '%s'", relative);
    free(*path);
    *path = absolute;
    return 0;
}

int bit_spec_absolute(Bit__RunSpec *spec, const char *directory)
{
    int err = spec->model != NULL ? make_absolute(&spec->model->init_from, directory) : 0;

    if (err == 0 && spec->model != NULL)
        err = make_absolute(&spec->model->from, directory);
    for (size_t i = 0; spec->data != NULL && i < spec->data->n_train && err == 0; i++)
        err = make_absolute(&spec->data->train[i], directory);
    for (size_t i = 0; spec->data != NULL && i < spec->data->n_source; i++)
        for (size_t k = 0; k < spec->data->source[i]->n_path && err == 0; k++)
            err = make_absolute(&spec->data->source[i]->path[k], directory);
    for (size_t i = 0; spec->eval != NULL && i < spec->eval->n_set; i++)
        for (size_t k = 0; k < spec->eval->set[i]->n_path && err == 0; k++)
            err = make_absolute(&spec->eval->set[i]->path[k], directory);
    for (size_t i = 0; spec->eval != NULL && i < spec->eval->n_task && err == 0; i++)
        err = make_absolute(&spec->eval->task[i]->path, directory);
    return err;
}

/* For a run without steps, the batch is one micro-batch of each rank. */
static int fill_eval_batch(Bit__RunSpec *spec)
{
    const uint32_t micro = spec->batch != NULL ? spec->batch->micro_instances : 0;
    const uint32_t ranks = spec->launch != NULL && spec->launch->has_ranks ? spec->launch->ranks : 1;
    const uint64_t instances = (uint64_t)ranks * (micro > 0 ? micro : EVAL_INSTANCES);
    char text[64];

    if (!bit_spec_evaluates_only(spec))
        return 0;
    snprintf(text, sizeof text, "batch { instances: %" PRIu64 " }", BIT_MIN(instances, (uint64_t)UINT32_MAX));
    return fill_from(spec, text);
}

/* Continues after an unknown preset, to find the other problems too. */
static int normalise(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems)
{
    int before = problems->count, err = fill_schedule(spec, problems); /* first: model presets set peak_lr too */

    if (err == 0)
        err = fill_model(spec, problems);
    if (err == 0)
        err = fill_quantizer(spec, problems);
    if (err == 0)
        err = fill_guard(spec, problems);
    if (err == 0)
        err = fill_eval_batch(spec);
    if (err == 0)
        err = fill_from(spec, bit_spec_defaults());
    if (err < 0)
        return err;
    derive(spec);
    if (spec->phases->switch_ != NULL)
        derive_switch(spec->phases->switch_, spec->optimizer);
    err = derive_slurm(spec->launch);
    if (err == 0 && directory != NULL && directory[0] != '\0')
        err = bit_spec_absolute(spec, directory);
    return err == 0 && problems->count > before ? BIT_ESPEC : err;
}

int bit_spec_normalise(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems)
{
    Bit__RunSpec *copy = bit_msg_clone(spec);

    if (copy == NULL)
        return bit_fail(-ENOMEM, "copy of the specification");
    int err = normalise(copy, directory, problems);
    if (err == 0) {
        Bit__RunSpec old = *spec;
        *spec = *copy;
        *copy = old;
    } else if (err == BIT_ESPEC) {
        bit_spec_more_problems(copy, problems);
        bit_fail(err, "presets");
    }
    bit_msg_free(copy);
    return err;
}
