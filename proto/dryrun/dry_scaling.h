/* The part of a dry run about scaling: the numbers of ranks that divide the batch, and the modelled cost of
 * collectives. */
#ifndef BIT_PROTO_DRY_SCALING_H
#define BIT_PROTO_DRY_SCALING_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/dryrun/dryrun.h"
#include "proto/dryrun/scaling.h"

#define BIT_DRY_DIVISORS_MAX 240 /* no number up to BIT_INSTANCES_MAX has more divisors */
#define BIT_DRY_PHASES       2
#define BIT_DRY_MICRO_GUESS  8 /* assumed instances of a micro-batch, if the number that fits is not known */

struct bit_dry_scaling {
    uint32_t divisor[BIT_DRY_DIVISORS_MAX];
    size_t divisors;
    Bit__ScalingModel model[BIT_DRY_PHASES], *list[BIT_DRY_PHASES];
    Bit__CollectiveCost cost[BIT_DRY_PHASES][BIT_SCALING_COSTS_MAX], *costs[BIT_DRY_PHASES][BIT_SCALING_COSTS_MAX];
    size_t count; /* of models: one for each precision that is trained in; 0 for CPUs, or one rank */
};

/** From a normalised and validated spec that trains; micro_instances 0: not known. */
void bit_dry_scaling_make(const Bit__RunSpec *spec, const struct bit_dryrun_size *size, uint32_t micro_instances,
                          struct bit_dry_scaling *out);

#endif
