/* What a dry run says of more ranks: which numbers divide the batch, and what GPUs lose to each other by the model. */
#ifndef BIT_PROTO_DRY_SCALING_H
#define BIT_PROTO_DRY_SCALING_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/dryrun/dryrun.h"
#include "proto/dryrun/scaling.h"

#define BIT_DRY_DIVISORS_MAX 240 /* no number up to BIT_INSTANCES_MAX has more divisors */
#define BIT_DRY_PHASES       2
#define BIT_DRY_MICRO_GUESS  8 /* instances of a micro-batch, where what fits is not known */

struct bit_dry_scaling {
    uint32_t divisor[BIT_DRY_DIVISORS_MAX];
    size_t divisors;
    Bit__ScalingModel model[BIT_DRY_PHASES], *list[BIT_DRY_PHASES];
    Bit__CollectiveCost cost[BIT_DRY_PHASES][BIT_SCALING_COSTS_MAX], *costs[BIT_DRY_PHASES][BIT_SCALING_COSTS_MAX];
    size_t count; /* of models: one for each precision that is trained in; none for processors, or one rank */
};

/** Of a normalised and checked spec that trains; micro_instances 0: not known. */
void bit_dry_scaling_make(const Bit__RunSpec *spec, const struct bit_dryrun_size *size, uint32_t micro_instances,
                          struct bit_dry_scaling *out);

#endif
