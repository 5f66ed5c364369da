/* In which precisions a run evaluates its sets and tasks, and with which parts of the ternary phase its sets. */
#ifndef BIT_DAEMON_EVAL_PRECISIONS_H
#define BIT_DAEMON_EVAL_PRECISIONS_H

#include "proto/bit.pb-c.h"

/* In the order in which they are evaluated. */
struct bit_eval_precisions {
    unsigned count;
    Bit__Precision list[2];
};

/** In 16-bit everything is evaluated twice: as it is, and as the switch would leave it. eval.precision selects one. */
struct bit_eval_precisions bit_eval_precisions(const Bit__EvalSpec *eval, Bit__Precision phase);
/** The index of a precision in the list; `count` if it is not there. */
unsigned bit_eval_precisions_find(const struct bit_eval_precisions *p, Bit__Precision precision);

/* How a held-out set is evaluated: in a precision, or with one part of the ternary phase alone. */
struct bit_eval_form {
    Bit__Precision precision;
    int part; /* a Bit__TernaryPart; 0: all of it */
};
/**
 * Evaluations of each set in a phase: one per precision; with eval.damage also one per part, after the first precision.
 */
unsigned bit_eval_forms(const Bit__EvalSpec *eval, Bit__Precision phase);
/** The i-th of them. */
struct bit_eval_form bit_eval_form(const Bit__EvalSpec *eval, Bit__Precision phase, unsigned i);
/** The index of a form; bit_eval_forms if it is not there. */
unsigned bit_eval_forms_find(const Bit__EvalSpec *eval, Bit__Precision phase, const struct bit_eval_form *form);

#endif
