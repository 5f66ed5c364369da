/* Which curve of a run: "loss", "eval:held", "task:copa:ternary". Pure. */
#ifndef BIT_CTL_CURVE_WISH_H
#define BIT_CTL_CURVE_WISH_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"

enum bit_curve_what {
    BIT_CURVE_LOSS,
    BIT_CURVE_NORM, /* of the gradients, before clipping */
    BIT_CURVE_LR,
    BIT_CURVE_FLIP,     /* codes that differ from the step before */
    BIT_CURVE_ZERO,     /* codes that are 0 */
    BIT_CURVE_STRENGTH, /* of the codes */
    BIT_CURVE_RATE,     /* tokens a second */
    BIT_CURVE_EVAL,     /* loss of a held-out set */
    BIT_CURVE_TASK,     /* score of a task */
};

struct bit_curve_wish {
    enum bit_curve_what what;
    char name[BIT_NAME_MAX + 1]; /* of the set or the task */
    bool in_one;                 /* evaluations in one precision; else in that which is trained in */
    Bit__Precision precision;
};

#define BIT_CURVE_WISHES "loss, norm, lr, flip, zero, strength, rate, eval:SET, task:TASK"

/** Read one; after the name of a set or a task ":16bit" or ":ternary" may follow. False if it is none. */
bool bit_curve_wish_parse(const char *text, struct bit_curve_wish *out);
/** For an axis: "gradient norm", "loss of held, ternary". */
#define BIT_CURVE_TITLE (BIT_NAME_MAX + 64)
const char *bit_curve_wish_title(const struct bit_curve_wish *wish, char out[BIT_CURVE_TITLE]);
/** Whether it is a number of every step, or of evaluations. */
bool bit_curve_wish_is_of_steps(const struct bit_curve_wish *wish);
/**
 * What a record says of the curve: *step and *value, which is NaN where the loss or the norm of the step was no finite
 * number. switch_after: the last 16-bit step, UINT64_MAX where the run has not switched. False: it says nothing.
 */
bool bit_curve_wish_value(const struct bit_curve_wish *wish, const Bit__JournalRecord *record, uint64_t switch_after,
                          uint64_t *step, double *value);

#endif
