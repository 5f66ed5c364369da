/*
 * Which evaluations a fork makes after the step where it begins: those that its specification asks for there and its
 * parent does not make. Pure.
 */
#ifndef BIT_DAEMON_FORK_EVALUATIONS_H
#define BIT_DAEMON_FORK_EVALUATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run/run.h"

struct bit_fork_evaluations {
    bool sets, tasks;
};

/** The fork begins after `step`, of which the parent has a checkpoint. Its specification is normalised. */
struct bit_fork_evaluations bit_fork_evaluations_find(const struct bit_run *parent, const Bit__RunSpec *fork,
                                                      uint64_t step);

#endif
