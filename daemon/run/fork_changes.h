/*
 * What a fork may have otherwise than its parent, field by field: what it means, or why it may not. Pure.
 *
 * The steps up to the fork are done and cannot become others, so a field either says something of later steps alone, or
 * makes a curve whose beginning the parent followed differently, or would contradict what is in the checkpoint.
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
    bool switched; /* by then */
    uint64_t switched_after;
    bool weights_only;
};

struct bit_fork_changes {
    bool same;       /* nothing that a step's result depends on */
    bool same_files; /* it reads those that the parent reads */
    struct bit_problems refused, notes;
};

/** Both specifications are normalised. `out` is the caller's, and large. */
void bit_fork_changes_find(const Bit__RunSpec *parent, const Bit__RunSpec *fork, const struct bit_fork_at *at,
                           struct bit_fork_changes *out);

#endif
