/* Runs `bitworker --plan` and waits for it. */
#ifndef BIT_CTL_PLAN_CHILD_H
#define BIT_CTL_PLAN_CHILD_H

#include "proto/dryrun/plan_answer.h"

/**
 * Ask the worker program next to this one for the memory of a normalised spec. Finish *out with bit_plan_answer_finish.
 */
void bit_plan_child_ask(const Bit__RunSpec *spec, struct bit_plan_answer *out);

#endif
