/* bitworker --plan, run and waited for. */
#ifndef BIT_CTL_PLAN_CHILD_H
#define BIT_CTL_PLAN_CHILD_H

#include "proto/dryrun/plan_answer.h"

/** Ask the worker that lies beside this program what a normalised spec takes. bit_plan_answer_finish ends *out. */
void bit_plan_child_ask(const Bit__RunSpec *spec, struct bit_plan_answer *out);

#endif
