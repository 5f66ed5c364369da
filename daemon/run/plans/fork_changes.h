/*
 * In which fields a fork may differ from its parent: what each difference means, or why it is refused. Pure.
 *
 * The steps up to the fork are done and cannot change. So a field either affects later steps only, or changes a curve
 * that the parent followed from its beginning, or would contradict what is in the checkpoint.
 */
#ifndef BIT_DAEMON_FORK_CHANGES_H
#define BIT_DAEMON_FORK_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

struct bit_fork_at {
    const char *run; /* the parent's id */
    uint64_t step;
    bool switched; /* by that step */
    uint64_t switched_after;
    bool weights_only;
};

struct bit_fork_changes {
    bool same;       /* no field differs that a step's result depends on */
    bool same_files; /* data, sets and tasks are the parent's */
    struct bit_problems refused, notes;
};

/** Both specifications are normalised. `out` is the caller's, and large. */
void bit_fork_changes_find(const Bit__RunSpec *parent, const Bit__RunSpec *fork, const struct bit_fork_at *at,
                           struct bit_fork_changes *out);

#endif
