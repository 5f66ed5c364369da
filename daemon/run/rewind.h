/*
 * Going back to a checkpoint and leaving batches out. Pure.
 *
 * A rewind to step t that leaves n batches out gives step t + 1 the batch n further on in the order of the data than it
 * would have had, and so all steps after it. A later rewind to t or before takes its place: what came after is no
 * more.
 */
#ifndef BIT_DAEMON_REWIND_H
#define BIT_DAEMON_REWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_rewind {
    uint64_t to, skip, at;
    uint64_t epoch; /* the last launch before it: a checkpoint after `to` from there is of a line that is no more */
    bool over;      /* a later one went back as far */
};

struct bit_rewinds {
    struct bit_rewind *item; /* every one there was; owned */
    size_t count;
    struct bit_left_out {
        uint64_t first, last; /* batches, in the order of the data, that people said are to be left out */
    } * out;                  /* ascending, apart from each other; owned */
    size_t out_count;
    uint64_t base; /* batches that a fork's parent had left out before it */
    size_t before; /* those of them from before a person resumed the run: bit_rewinds_to begins anew with it */
};

void bit_rewinds_finish(struct bit_rewinds *r);
/** Into a zeroed one. -ENOMEM. */
int bit_rewinds_copy(const struct bit_rewinds *from, struct bit_rewinds *out);
/** -ENOMEM. */
int bit_rewinds_add(struct bit_rewinds *r, uint64_t to, uint64_t skip, uint64_t at, uint64_t epoch);
/** Which batch step `step` trains on, in the order of the data, from 1. */
uint64_t bit_rewinds_position(const struct bit_rewinds *r, uint64_t step);
/** The same in batches that are not left out by people: what rewinds count in. */
uint64_t bit_rewinds_kept(const struct bit_rewinds *r, uint64_t step);
/** Batches first to last are left out; none of them is yet. -ENOMEM. */
int bit_rewinds_leave_out(struct bit_rewinds *r, uint64_t first, uint64_t last);
/** Whether one of these batches is left out already. */
bool bit_rewinds_leaves_out(const struct bit_rewinds *r, uint64_t first, uint64_t last);
/** How many batches to leave out after step `to` so that the batch of step `at` is not met: at least `wanted`. */
uint64_t bit_rewinds_skip(const struct bit_rewinds *r, uint64_t to, uint64_t at, uint64_t wanted);
/** A checkpoint of this step, written in this launch, is of a line that was given up. */
bool bit_rewinds_gave_up(const struct bit_rewinds *r, uint64_t step, uint64_t epoch);
/** How often it has gone back to this step since it was last resumed. */
unsigned bit_rewinds_to(const struct bit_rewinds *r, uint64_t to);

#endif
