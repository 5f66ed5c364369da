/* What a dry run shows: the schedule where it bends, the sizes of model and checkpoints, and a rank's memory. */
#ifndef BIT_PROTO_DRYRUN_H
#define BIT_PROTO_DRYRUN_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_DRYRUN_POINTS_MAX 14

struct bit_dryrun_points {
    Bit__SchedulePoint item[BIT_DRYRUN_POINTS_MAX];
    Bit__SchedulePoint *list[BIT_DRYRUN_POINTS_MAX];
    size_t count;
};

/** Steps 1, the warm-up's end, both sides of the switch and of the second stage, the ramp's quarters, WSD's decay, the
 * curve's end and the run's; in order, each once. */
void bit_dryrun_points(const Bit__RunSpec *spec, struct bit_dryrun_points *out);

struct bit_dryrun_size {
    uint64_t parameters, linear_parameters, checkpoint_bytes;
};
/** From the model, and whether checkpoints have its codes. Errors: as bit_checkpoint_tensors. */
int bit_dryrun_size(const Bit__RunSpec *spec, struct bit_dryrun_size *out);
/** Bytes that one rank may use: what the spec says, else its share of the machine. 0: not known, for it is on a GPU. */
uint64_t bit_dryrun_memory_available(const Bit__LaunchSpec *launch);

#endif
