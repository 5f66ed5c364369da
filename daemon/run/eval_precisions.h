/* In which precisions a run evaluates: all its sets, and all its tasks. */
#ifndef BIT_DAEMON_EVAL_PRECISIONS_H
#define BIT_DAEMON_EVAL_PRECISIONS_H

#include "proto/bit.pb-c.h"

/* In the order in which they are evaluated. */
struct bit_eval_precisions {
    unsigned count;
    Bit__Precision list[2];
};

/** In 16-bit everything is evaluated twice, as it is and as the switch would leave it; eval.precision takes one. */
struct bit_eval_precisions bit_eval_precisions(const Bit__EvalSpec *eval, Bit__Precision phase);
/** The place of one in the list; `count` if it is not there. */
unsigned bit_eval_precisions_find(const struct bit_eval_precisions *p, Bit__Precision precision);

#endif
