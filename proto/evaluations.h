/* The newest evaluation of each held-out set in each precision: what status and the summary of a run show. */
#ifndef BIT_PROTO_EVALUATIONS_H
#define BIT_PROTO_EVALUATIONS_H

#include <stddef.h>

#include "proto/bit.pb-c.h"

struct bit_evaluations {
    Bit__EvaluateReport **report; /* in the order in which they first came */
    size_t count;
};

/** Keep a copy in place of the older one of its set, precision and part. Zero is a good start. Errors: -ENOMEM;
 * BIT_ELIMIT for more than there can be of BIT_EVAL_SETS_MAX sets. */
int bit_evaluations_note(struct bit_evaluations *e, const Bit__EvaluateReport *report);
void bit_evaluations_finish(struct bit_evaluations *e);

#endif
