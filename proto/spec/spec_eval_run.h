/* The rules of a run without steps, which evaluates what it begins from. */
#ifndef BIT_PROTO_SPEC_EVAL_RUN_H
#define BIT_PROTO_SPEC_EVAL_RUN_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/** Check a normalised spec; also that one that trains has no setting that only such a run may have. */
void bit_spec_check_eval_run(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
