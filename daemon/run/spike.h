/*
 * Above which loss and gradient norm a step is a spike. Pure: from the steps that lie BIT_SPIKE_LAG and more before it,
 * so that the bound is known when the step is ordered, and is the same whenever it is ordered again.
 *
 *     loss   median + k max(1.4826 MAD, 0.005 |median|)        norm   the same for its logarithm, MAD at least 0.05
 *
 * over the last `window` steps that were not skipped; no bound before a quarter of them are there. Behind a switch and
 * its ramp the band is `settle_band` times as wide for `settle_steps`, and what leaves it is expected; afterwards only
 * steps after the switch count.
 * Source   window and 6 standard deviations: OLMo-core StabilityMonitor; median and MAD in place of mean and deviation,
 *          which one spike would widen for a whole window
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
    double loss, norm; /* above is a spike */
    bool expected;     /* soon after the switch: it is not acted upon */
};

/** Of step `step`; the switch is where the plan has it. */
void bit_spike_bounds(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, const struct bit_history *history,
                      uint64_t step, struct bit_spike_bounds *out);

#endif
