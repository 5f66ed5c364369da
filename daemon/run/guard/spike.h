/*
 * Above which loss and gradient norm a step is a spike. Pure: computed from the steps BIT_SPIKE_LAG and more before it,
 * so that the bound is known when the step is ordered, and is the same if it is ordered again.
 *
 *     loss   median + k max(1.4826 MAD, 0.005 |median|)        norm   the same for its logarithm, MAD at least 0.05
 *
 * over the last `window` steps that were not skipped; no bound before a quarter of them are there. After a switch and
 * its ramp the band is `settle_band` times as wide for `settle_steps`, and what leaves it is expected; after that, only
 * steps after the switch count.
 * Source   window and 6 standard deviations: OLMo-core StabilityMonitor; median and MAD replace mean and deviation,
 *          because one spike would widen those for a whole window
 */
#ifndef BIT_DAEMON_SPIKE_H
#define BIT_DAEMON_SPIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run/history.h"
#include "proto/bit.pb-c.h"
#include "proto/spec/schedule.h"

#define BIT_SPIKE_LAG 8

struct bit_spike_bounds {
    bool has_loss, has_norm;
    double loss, norm; /* a value above is a spike */
    bool expected;     /* soon after the switch: no action follows */
};

/** The bounds of step `step`; the switch is where the plan has it. */
void bit_spike_bounds(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, const struct bit_history *history,
                      uint64_t step, struct bit_spike_bounds *out);

#endif
