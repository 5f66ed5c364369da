#include "proto/spec/schedule.h"

#include <math.h>

#include "proto/check.h"

/* NULL for a run specified as 16-bit throughout, even if a client has planned a switch since. */
static const Bit__SwitchSpec *switch_of(const Bit__RunSpec *spec)
{
    return spec->phases != NULL ? spec->phases->switch_ : NULL;
}

void bit_switch_plan_init(struct bit_switch_plan *plan, const Bit__RunSpec *spec)
{
    const Bit__SwitchSpec *sw = switch_of(spec);

    *plan = (struct bit_switch_plan){.planned = sw != NULL, .optimizer = BIT__OPTIMIZER_AT_SWITCH__KEEP};
    if (sw != NULL) {
        plan->at_step = sw->at_step;
        plan->optimizer = sw->optimizer;
    }
}

/* The second stage, if `step` is in it; else NULL. */
static const Bit__StageSpec *stage_at(const Bit__ScheduleSpec *s, uint64_t step)
{
    return s->stage != NULL && step > s->stage->at_step ? s->stage : NULL;
}

static double peak_at(const Bit__ScheduleSpec *s, uint64_t step)
{
    const Bit__StageSpec *stage = stage_at(s, step);

    return stage != NULL && stage->has_peak_lr ? stage->peak_lr : s->peak_lr;
}

/* OLMo's schedulers, with warmup_min_lr = warmup_start x peak and alpha_f = final. */
static double curve(const Bit__ScheduleSpec *s, uint64_t step)
{
    double peak = peak_at(s, step), start = s->warmup_start * peak, end = s->final * peak;
    const uint64_t last = s->cosine_steps, decay = s->shape == BIT__SCHEDULE_SPEC__SHAPE__WSD ? s->decay_steps : 0;

    if (step < s->warmup_steps)
        return start + (peak - start) * (double)step / (double)s->warmup_steps;
    if (s->shape == BIT__SCHEDULE_SPEC__SHAPE__CONSTANT)
        return peak;
    if (step >= last)
        return end;
    if (s->shape == BIT__SCHEDULE_SPEC__SHAPE__WSD)
        return step + decay <= last ? peak : end + (peak - end) * (double)(last - step) / (double)decay;
    double done = (double)(step - s->warmup_steps) / (double)(last - s->warmup_steps);
    if (s->shape == BIT__SCHEDULE_SPEC__SHAPE__LINEAR)
        return peak - (peak - end) * done;
    return end + (peak - end) * (1 + cos(M_PI * done)) / 2;
}

/* lr_factor after the switch, else 1; also 1 for a switch that only the plan has. */
static double factor_at(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step)
{
    const Bit__SwitchSpec *sw = switch_of(spec);

    return plan->planned && step > plan->at_step && sw != NULL && sw->has_lr_factor ? sw->lr_factor : 1;
}

double bit_schedule_lr(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step)
{
    const Bit__SwitchSpec *sw = switch_of(spec);

    if (plan->planned && step > plan->at_step && sw != NULL && sw->lr == BIT__LR_AT_SWITCH__REWARM) {
        uint64_t since = step - plan->at_step;
        if (since < sw->rewarm_steps) {
            double meets = factor_at(spec, plan, step) * curve(spec->schedule, plan->at_step + sw->rewarm_steps);
            return meets * (double)since / (double)sw->rewarm_steps;
        }
    }
    return factor_at(spec, plan, step) * curve(spec->schedule, step);
}

double bit_schedule_strength(const Bit__SwitchSpec *sw, uint64_t t)
{
    if (t >= sw->ramp_steps)
        return 1;

    double s = (double)t / (double)sw->ramp_steps;
    switch (sw->ramp) {
    case BIT__RAMP_SHAPE__LINEAR:
        return s;
    case BIT__RAMP_SHAPE__SIGMOID:
        return 1 / (1 + exp(-sw->ramp_k * (s - 0.5)));
    default:
        /* 2 sigmoid(k s) - 1 */
        return tanh(sw->ramp_k * s / 2);
    }
}

void bit_schedule_at(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step,
                     struct bit_step_plan *out)
{
    const Bit__SwitchSpec *sw = switch_of(spec);
    const Bit__OptimizerSpec *opt = spec->optimizer;
    bool ternary = plan->planned && step > plan->at_step;

    BIT_ASSERT(step >= 1);
    *out = (struct bit_step_plan){
        .precision = ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT,
        .strength = 1,
        .lr = bit_schedule_lr(spec, plan, step),
        .weight_decay = opt->weight_decay,
        .beta1 = opt->beta1,
        .beta2 = opt->beta2,
    };
    if (ternary && sw != NULL) {
        out->strength = bit_schedule_strength(sw, step - plan->at_step);
        out->weight_decay = sw->weight_decay;
        out->beta1 = sw->beta1;
        out->beta2 = sw->beta2;
    }
    const Bit__StageSpec *stage = stage_at(spec->schedule, step);
    if (stage != NULL && stage->has_weight_decay)
        out->weight_decay = stage->weight_decay;
}
