/* In which precisions a run evaluates its sets and its tasks, and the sets in which parts of the ternary phase. */
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

/* Of a held-out set: a precision, and of the ternary phase perhaps one part alone. */
struct bit_eval_form {
    Bit__Precision precision;
    int part; /* a Bit__TernaryPart; 0: all of it */
};
/** How often each set is evaluated in a phase: in each precision, with eval.damage with each part before the last. */
unsigned bit_eval_forms(const Bit__EvalSpec *eval, Bit__Precision phase);
/** The i-th of them. */
struct bit_eval_form bit_eval_form(const Bit__EvalSpec *eval, Bit__Precision phase, unsigned i);
/** The place of one; bit_eval_forms if it is not there. */
unsigned bit_eval_forms_find(const Bit__EvalSpec *eval, Bit__Precision phase, const struct bit_eval_form *form);

#endif
