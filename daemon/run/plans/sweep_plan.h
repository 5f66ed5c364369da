/*
 * What the branches of a sweep have in common, and where each of them begins so that common steps are trained once.
 * Pure.
 *
 * Two runs have their first N steps in common if nothing that those steps depend on differs: a branch that is forked
 * from the other after step N has the same weights as if it were trained alone. Common beginnings form a tree. Each
 * branch, in order, forks from the earlier one with which it has most in common; no other choice saves more steps.
 */
#ifndef BIT_DAEMON_SWEEP_PLAN_H
#define BIT_DAEMON_SWEEP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* Where a branch begins: after step from_step of `parent`; parent is its own index if it begins at step 1. */
struct bit_sweep_place {
    size_t parent;
    uint64_t from_step;
};

/**
 * The last step that both have in common and after which `later` can be forked from `first`; 0: none. Both are
 * normalised.
 */
uint64_t bit_sweep_plan_common(const Bit__RunSpec *first, const Bit__RunSpec *later);
/** Whether two specifications differ in their names only, so that the second run would repeat the first. */
bool bit_sweep_plan_is_same(const Bit__RunSpec *a, const Bit__RunSpec *b);
/** Find the place of each of `count` branches. A parent has a lower index than its branch. */
void bit_sweep_plan_make(const Bit__RunSpec *const *spec, size_t count, struct bit_sweep_place *out);
/** Steps of all branches, common steps counted once; *alone: counted in each branch. */
uint64_t bit_sweep_plan_steps(const Bit__RunSpec *const *spec, size_t count, const struct bit_sweep_place *place,
                              uint64_t *alone);
/** Add a checkpoint after this step. Errors: -ENOMEM. */
int bit_sweep_plan_add_checkpoint(Bit__RunSpec *spec, uint64_t step);

#endif
