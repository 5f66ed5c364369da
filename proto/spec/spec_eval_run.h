/* The rules of a run without steps, which evaluates its initial model. */
#ifndef BIT_PROTO_SPEC_EVAL_RUN_H
#define BIT_PROTO_SPEC_EVAL_RUN_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/** Check a normalised spec. A run that trains must not have settings that are only for a run without steps. */
void bit_spec_check_eval_run(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
