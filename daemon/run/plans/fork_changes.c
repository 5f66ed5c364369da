#include "daemon/run/plans/fork_changes.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/run/plans/spec_differences.h"
#include "proto/check.h"
#include "proto/spec/schedule.h"

/* What a different value of a field does. */
enum effect {
    NOTHING,       /* a step computes the same */
    LATER,         /* the steps after the fork differ */
    CURVE,         /* the steps before it would have differed, too */
    BEFORE_SWITCH, /* LATER if the parent has not switched by then, otherwise refused */
    NEVER,         /* refused */
};

/* The first rule whose path begins the field's path, up to a dot, applies. */
static const struct rule {
    const char *path;
    enum effect effect;
    const char *text;
} rules[] = {
    {"name", NOTHING, NULL},
    {"shared", NOTHING, NULL},
    {"checkpoint", NOTHING, NULL},
    {"eval", NOTHING, NULL},
    {"launch", NOTHING, NULL},
    {"model.operands", LATER, "products are computed differently from there on"},
    {"model.residual", LATER, "the residual stream is rounded differently from there on"},
    {"model.init", NEVER, "the weights are the checkpoint's"},
    {"model.init_std", NEVER, "the weights are the checkpoint's"},
    {"model.init_seed", NEVER, "the weights are the checkpoint's"},
    {"model.init_from", NEVER, "the weights are the checkpoint's; --weights-only begins anew with them"},
    {"model", NEVER, "the checkpoint holds another model"},
    {"data", LATER, "from there on, batches come in the new order"},
    {"batch.instances", NEVER, "the position in the data is counted in batches of the parent's size"},
    {"batch.micro_instances", LATER, "sums are added in another order from there on"},
    {"schedule.steps", NOTHING, NULL},
    {"schedule", CURVE, NULL},
    {"phases.switch.at_step", BEFORE_SWITCH, "the checkpoint was written after the switch"},
    {"phases.switch.optimizer", BEFORE_SWITCH, "its effect on the moments is in the checkpoint"},
    {"phases.switch.beta1", BEFORE_SWITCH, "it is in the checkpoint"},
    {"phases.switch.beta2", BEFORE_SWITCH, "it is in the checkpoint"},
    {"phases.switch.rewarm_steps", CURVE, NULL},
    {"phases.switch.lr", CURVE, NULL},
    {"phases.switch.lr_factor", CURVE, NULL},
    {"phases.switch.weight_decay", LATER, "from there on"},
    {"phases.switch.ramp", LATER, "the strength of the codes differs from there on"},
    {"phases.switch.ramp_k", LATER, "the strength of the codes differs from there on"},
    {"phases.switch.ramp_steps", LATER, "the strength of the codes differs from there on"},
    {"phases", BEFORE_SWITCH, "the checkpoint was written after the switch"},
    {"quantizer.data_gradient", LATER, "gradients are rounded differently from there on"},
    {"quantizer", BEFORE_SWITCH, "the weights were trained for the parent's codes"},
    {"optimizer.beta1", NEVER, "it is in the checkpoint; a switch may change it (phases.switch.beta1)"},
    {"optimizer.beta2", NEVER, "it is in the checkpoint; a switch may change it (phases.switch.beta2)"},
    {"optimizer.moments", LATER, "those of the checkpoint are converted, to bf16 by rounding to the nearest"},
    {"optimizer", LATER, "from there on"},
    {"guard", LATER, "steps are judged differently from there on"},
};

static const struct rule *find_rule(const char *path)
{
    for (size_t i = 0; i < BIT_COUNT(rules); i++)
        if (bit_spec_differences_is_within(path, rules[i].path))
            return &rules[i];
    return NULL;
}

/* ---- what a difference means */

struct judge {
    const Bit__RunSpec *parent, *fork;
    const struct bit_fork_at *at;
    struct bit_fork_changes *out;
};

static void refuse(const struct judge *j, const char *path, const char *why)
{
    bit_problems_add(&j->out->refused, path, 0, 0, "a fork of %s after step %" PRIu64 " cannot change it: %s",
                     j->at->run, j->at->step, why);
}

static void note_curve(const struct judge *j, const char *path)
{
    struct bit_switch_plan was, is;
    const uint64_t next = j->at->step + 1;

    bit_switch_plan_init(&was, j->parent);
    bit_switch_plan_init(&is, j->fork);
    bit_problems_add(&j->out->notes, path, 0, 0,
                     "the curve differs from step 1 on; steps 1 to %" PRIu64 " followed that of %s, and step %" PRIu64
                     " has the rate %g where %s's has %g",
                     j->at->step, j->at->run, next, bit_schedule_lr(j->fork, &is, next), j->at->run,
                     bit_schedule_lr(j->parent, &was, next));
}

static void judge(void *arg, const char *path)
{
    const struct judge *j = arg;
    const struct rule *rule = find_rule(path);
    enum effect effect = rule != NULL ? rule->effect : NEVER;

    if (strncmp(path, "data", 4) == 0 || strncmp(path, "eval.set", 8) == 0 || strncmp(path, "eval.task", 9) == 0)
        j->out->same_files = false;
    if (effect == NOTHING)
        return;
    j->out->same = false;
    if (j->at->weights_only && strncmp(path, "model", 5) != 0)
        return;
    if (j->at->weights_only && strncmp(path, "model.init", 10) == 0)
        return;
    if (effect == NEVER || (effect == BEFORE_SWITCH && j->at->switched))
        refuse(j, path, rule != NULL ? rule->text : "bitd has no rule for a fork that changes this field");
    else if (effect == CURVE)
        note_curve(j, path);
    else if (effect == LATER && rule->text != NULL)
        bit_problems_add(&j->out->notes, path, 0, 0, "differs from %s's: %s", j->at->run, rule->text);
}

static void check_steps(const struct judge *j)
{
    const Bit__SwitchSpec *sw = j->fork->phases->switch_;
    const uint64_t step = j->at->step, steps = j->fork->schedule->steps;

    if (steps <= step)
        bit_problems_add(&j->out->refused, "schedule.steps", 0, 0,
                         "%" PRIu64 " leaves no step: the fork begins after step %" PRIu64, steps, step);
    if (!j->at->switched && sw != NULL && sw->at_step < step)
        bit_problems_add(&j->out->refused, "phases.switch.at_step", 0, 0,
                         "%" PRIu64 ": %s was in 16-bit up to step %" PRIu64 ", which is the earliest", sw->at_step,
                         j->at->run, step);
}

void bit_fork_changes_find(const Bit__RunSpec *parent, const Bit__RunSpec *fork, const struct bit_fork_at *at,
                           struct bit_fork_changes *out)
{
    struct judge j = {parent, fork, at, out};

    *out = (struct bit_fork_changes){.same = true, .same_files = true};
    bit_spec_differences_find(parent, fork, judge, &j);
    if (!at->weights_only)
        check_steps(&j);
}
