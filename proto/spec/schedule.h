/* Learning rate, weight decay, phase and strength: pure functions of the step, from a normalised spec. A dry run and
 * the daemon call the same functions. */
#ifndef BIT_PROTO_SCHEDULE_H
#define BIT_PROTO_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* The present plan of the switch: the spec's, or as changed by `bitctl switch`. */
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

/** The plan as submitted. */
void bit_switch_plan_init(struct bit_switch_plan *plan, const Bit__RunSpec *spec);
/**
 * All settings of step `step` (>= 1). The ramp and the re-warm-up are relative to the plan's switch, not the spec's. A
 * switch planned for a run whose spec has none is sharp (without a ramp), and changes nothing but the precision.
 */
void bit_schedule_at(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step,
                     struct bit_step_plan *out);
/**
 * The learning rate of step t, for peak p, warm-up w, the curve's end T and WSD's decay D, with m = warmup_start p and
 * e = final p:
 *     t < w       m + (p - m) t / w
 *     t < T       COSINE      e + (p - e) (1 + cos(pi (t - w) / (T - w))) / 2
 *                 LINEAR      p - (p - e) (t - w) / (T - w)
 *                 WSD         p to T - D, then e + (p - e) (T - t) / D
 *     else        e
 * CONSTANT is p from w on. In the second stage p is the stage's peak, with the same curve. After the switch the result
 * is multiplied by lr_factor. After a REWARM switch at step s, for s < t < s + r, the rate is the straight line from 0
 * at s to that curve's value at s + r.
 * Source      allenai/OLMo olmo/optim.py: CosWithWarmup, LinearWithWarmup, ConstantWithWarmupScheduler,
 *             BoltOnWarmupScheduler; WSD: MiniCPM (arXiv 2404.06395); stages: BitNet b1.58's training tips
 */
double bit_schedule_lr(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step);
/**
 * Quantization strength `t` steps into the ternary phase (t >= 1), with W = ramp_steps and k = ramp_k:
 *     TANH 2 sigmoid(k t / W) - 1      LINEAR t / W      SIGMOID sigmoid(k (t / W - 1/2))      for t < W; then 1
 * Source      TANH with k = 5: schneiderkamplab/OLMo olmo/train.py; LINEAR and SIGMOID: huggingface/blog
 *             1_58_llm_extreme_quantization.md
 */
double bit_schedule_strength(const Bit__SwitchSpec *sw, uint64_t t);

#endif
