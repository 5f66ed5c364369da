/* Learning rate, phase and strength: pure functions of the step, from a normalised spec. Shared so that a dry run and
 * the daemon cannot differ. */
#ifndef BIT_PROTO_SCHEDULE_H
#define BIT_PROTO_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* The switch as it stands: the spec's, or where `bitctl switch` moved it. */
struct bit_switch_plan {
    bool planned;
    uint64_t at_step; /* the last 16-bit step */
    Bit__OptimizerAtSwitch optimizer;
};

struct bit_step_plan {
    Bit__Precision precision;
    double strength; /* lambda in (0, 1] */
    double lr;
    double weight_decay;
    double beta1, beta2;
};

void bit_switch_plan_init(struct bit_switch_plan *plan, const Bit__RunSpec *spec);
/** Everything that step `step` (>= 1) trains with. */
void bit_schedule_at(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step,
                     struct bit_step_plan *out);
/**
 * OLMo's cosine_with_warmup (olmo/optim.py): t < w: m + (lr - m) t / w, then eta + (lr - eta)(1 + cos(pi (t - w)/(T -
 * w)))/2; after a REWARM switch multiplied as BoltOnWarmupScheduler does: 0 at the switch, linear to the old curve over
 * rewarm_steps.
 */
double bit_schedule_lr(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step);
/** Strength at `t` steps into the ternary phase (t >= 1): numerics 1.3, 1.6. */
double bit_schedule_strength(const Bit__SwitchSpec *sw, uint64_t t);

#endif
