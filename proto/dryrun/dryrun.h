/* Data of a dry run: the schedule at its key steps, the sizes of model and checkpoints, and a rank's memory. */
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

/** The schedule at step 1, the end of the warm-up, both sides of the switch and of the second stage, the quarters of
 * the ramp, the start of WSD's decay, the end of the curve and of the run; in order, each once. */
void bit_dryrun_points(const Bit__RunSpec *spec, struct bit_dryrun_points *out);

struct bit_dryrun_size {
    uint64_t parameters, linear_parameters, checkpoint_bytes;
};
/** The sizes, which depend on the model, and on whether checkpoints have codes. Errors: as bit_checkpoint_tensors. */
int bit_dryrun_size(const Bit__RunSpec *spec, struct bit_dryrun_size *out);
/** Bytes that one rank may use: as in the spec, else its share of the machine. 0: not known, because it is on a GPU. */
uint64_t bit_dryrun_memory_available(const Bit__LaunchSpec *launch);

#endif
