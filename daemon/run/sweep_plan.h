/*
 * What the branches of a sweep have in common, and where each of them begins so that it is trained once. Pure.
 *
 * Two runs have their first N steps in common if nothing that those steps depend on differs: a branch that is forked
 * from the other after step N has the weights of the same branch trained alone. What common beginnings there are is a
 * tree, so that each branch, in order, forks from the earlier one with which it has most in common, and no other choice
 * saves more steps.
 */
#ifndef BIT_DAEMON_SWEEP_PLAN_H
#define BIT_DAEMON_SWEEP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* Where a branch begins: after step from_step of another; parent is its own index where it begins at step 1. */
struct bit_sweep_place {
    size_t parent;
    uint64_t from_step;
};

/** The last step that `later` has in common with `first` and after which it can be forked from it; 0: none. Both are
 * normalised. */
uint64_t bit_sweep_plan_common(const Bit__RunSpec *first, const Bit__RunSpec *later);
/** Whether one would only do again what the other does: they differ in nothing but their names. */
bool bit_sweep_plan_is_same(const Bit__RunSpec *a, const Bit__RunSpec *b);
/** The place of each of `count` branches. A parent's index is lower than its branch's. */
void bit_sweep_plan_make(const Bit__RunSpec *const *spec, size_t count, struct bit_sweep_place *out);
/** Steps of all branches with what is common trained once; alone: each by itself. */
uint64_t bit_sweep_plan_steps(const Bit__RunSpec *const *spec, size_t count, const struct bit_sweep_place *place,
                              uint64_t *alone);
/** Have a checkpoint written after this step, too. Errors: -ENOMEM. */
int bit_sweep_plan_add_checkpoint(Bit__RunSpec *spec, uint64_t step);

#endif
