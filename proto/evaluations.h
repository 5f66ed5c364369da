/* The newest evaluation of each held-out set in each precision, shown by a run's status and summary. */
#ifndef BIT_PROTO_EVALUATIONS_H
#define BIT_PROTO_EVALUATIONS_H

#include <stddef.h>

#include "proto/bit.pb-c.h"

struct bit_evaluations {
    Bit__EvaluateReport **report; /* in the order of first arrival */
    size_t count;
};

/** Keep a copy, which replaces the older one of the same set, precision and part. Start from {0}. Errors: -ENOMEM;
 * BIT_ELIMIT for more than BIT_EVAL_SETS_MAX sets can give. */
int bit_evaluations_note(struct bit_evaluations *e, const Bit__EvaluateReport *report);
void bit_evaluations_finish(struct bit_evaluations *e);

#endif
