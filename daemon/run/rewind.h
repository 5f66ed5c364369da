/*
 * Going back to a checkpoint and leaving batches out. Pure.
 *
 * A rewind to step t that leaves out n batches moves step t + 1, and all steps after it, n batches further on in the
 * order of the data. A later rewind to t or before replaces it, because the steps after that are given up.
 */
#ifndef BIT_DAEMON_REWIND_H
#define BIT_DAEMON_REWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_rewind {
    uint64_t to, skip, at;
    uint64_t epoch; /* the last launch before it: checkpoints after `to` from that launch or before are given up */
    bool over;      /* a later rewind went back to `to` or before */
};

struct bit_rewinds {
    struct bit_rewind *item; /* all rewinds so far; owned */
    size_t count;
    struct bit_left_out {
        uint64_t first, last; /* batches, in the order of the data, that users left out */
    } * out;                  /* ascending, disjoint; owned */
    size_t out_count;
    uint64_t base; /* batches that a fork's parent had left out before the fork */
    size_t
        before; /* how many of `item` are from before the last resume by a user; bit_rewinds_to does not count those */
};

void bit_rewinds_finish(struct bit_rewinds *r);
/** Into a zeroed one, without `out`. -ENOMEM. */
int bit_rewinds_copy(const struct bit_rewinds *from, struct bit_rewinds *out);
/** -ENOMEM. */
int bit_rewinds_add(struct bit_rewinds *r, uint64_t to, uint64_t skip, uint64_t at, uint64_t epoch);
/** The batch that step `step` trains on: its number in the order of the data, from 1. */
uint64_t bit_rewinds_position(const struct bit_rewinds *r, uint64_t step);
/** The same without counting the batches that users left out; rewinds count this way. */
uint64_t bit_rewinds_kept(const struct bit_rewinds *r, uint64_t step);
/** Leave out batches first to last, none of which is left out yet. -ENOMEM. */
int bit_rewinds_leave_out(struct bit_rewinds *r, uint64_t first, uint64_t last);
/** Whether one of these batches is left out already. */
bool bit_rewinds_leaves_out(const struct bit_rewinds *r, uint64_t first, uint64_t last);
/**
 * How many batches, at least `wanted`, to leave out after step `to` so that the batch of step `at` is not trained on
 * again.
 */
uint64_t bit_rewinds_skip(const struct bit_rewinds *r, uint64_t to, uint64_t at, uint64_t wanted);
/** Whether a checkpoint of this step, written in this launch, was given up by a rewind. */
bool bit_rewinds_gave_up(const struct bit_rewinds *r, uint64_t step, uint64_t epoch);
/** How often the run has gone back to this step since it was last resumed. */
unsigned bit_rewinds_to(const struct bit_rewinds *r, uint64_t to);

#endif
