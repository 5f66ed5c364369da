/*
 * Which rank is behind, and where its time goes: each rank's own work (all but waiting for others) over the ranks'
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
    bool named;    /* until it is fast again */
    uint64_t told; /* the last step whose report had its times, counted as steps are below */
};

struct bit_straggler {
    struct bit_straggler_rank *rank; /* owned */
    double *scratch;                 /* (count) */
    uint32_t *all_us;                /* (count, sections): a choice of ranks made whole */
    size_t count;
    uint64_t steps;
};

void bit_straggler_finish(struct bit_straggler *s);
/**
 * Note a step: us has six numbers a rank. Returns the rank that is behind since this step, or -1. Errors: none; where
 * memory runs out nothing is known.
 */
int64_t bit_straggler_note(struct bit_straggler *s, const uint32_t *us, size_t ranks, double ratio_most,
                           uint32_t over_steps);
/**
 * The same of a report that has the times of a choice of ranks (bit.proto, rank_told): told names the rank of each of
 * `rows` rows of us. A rank that is not among them is taken for the one in the middle, whose row is a quantile's. -1
 * also where told names a rank that is none.
 */
int64_t bit_straggler_note_told(struct bit_straggler *s, const uint32_t *us, const uint32_t *told, size_t rows,
                                size_t ranks, double ratio_most, uint32_t over_steps);
/** The last report had the times of this rank, rather than of one in the middle in its place. */
bool bit_straggler_is_told(const struct bit_straggler *s, size_t rank);
/** "backward": where the rank's time exceeds the others' the most. */
const char *bit_straggler_place(const struct bit_straggler *s, size_t rank);

#endif
