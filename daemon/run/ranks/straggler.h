/*
 * Which rank is slow, and where its time goes: each rank's own work (all but waiting for others) over the ranks'
 * median, averaged over about `straggler_steps` steps. Not journalled: it is known again soon after a restart. Pure.
 */
#ifndef BIT_DAEMON_STRAGGLER_H
#define BIT_DAEMON_STRAGGLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_STRAGGLER_SECTIONS 6 /* of bit.proto's TimeSplit, in its order */

struct bit_straggler_rank {
    double ms[BIT_STRAGGLER_SECTIONS]; /* averages */
    double own, ratio;
    bool named;    /* as slow, until it is fast again */
    uint64_t told; /* the last step whose report had its times, counted like `steps` below */
};

struct bit_straggler {
    struct bit_straggler_rank *rank; /* owned */
    double *scratch;                 /* (count) */
    uint32_t *all_us;                /* (count, sections): times of all ranks, from a report that has some */
    size_t count;
    uint64_t steps;
};

void bit_straggler_finish(struct bit_straggler *s);
/**
 * Note a step: us has six numbers for each rank. Returns the rank that became slow with this step, or -1. Errors: none;
 * without memory nothing is known.
 */
int64_t bit_straggler_note(struct bit_straggler *s, const uint32_t *us, size_t ranks, double ratio_most,
                           uint32_t over_steps);
/**
 * The same for a report with the times of some ranks (bit.proto, rank_told): told names the rank of each of `rows` rows
 * of us. The other ranks get the times of the rank in the middle, which is the row of a quantile. Also returns -1 if
 * told names a rank that does not exist.
 */
int64_t bit_straggler_note_told(struct bit_straggler *s, const uint32_t *us, const uint32_t *told, size_t rows,
                                size_t ranks, double ratio_most, uint32_t over_steps);
/** Whether the last report had this rank's own times, and not those of the middle rank instead. */
bool bit_straggler_is_told(const struct bit_straggler *s, size_t rank);
/** "backward": the section in which the rank's time exceeds the others' most. */
const char *bit_straggler_place(const struct bit_straggler *s, size_t rank);

#endif
