/* A word for one curve of a run: "loss", "eval:held", "task:copa:ternary". Pure. */
#ifndef BIT_CTL_CURVE_WISH_H
#define BIT_CTL_CURVE_WISH_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"

enum bit_curve_what {
    BIT_CURVE_LOSS,
    BIT_CURVE_NORM, /* of the gradients, before clipping */
    BIT_CURVE_LR,
    BIT_CURVE_FLIP,     /* share of the codes that differ from the step before */
    BIT_CURVE_ZERO,     /* share of the codes that are 0 */
    BIT_CURVE_STRENGTH, /* of the codes */
    BIT_CURVE_RATE,     /* tokens a second */
    BIT_CURVE_EVAL,     /* loss of a held-out set */
    BIT_CURVE_TASK,     /* score of a task */
};

struct bit_curve_wish {
    enum bit_curve_what what;
    char name[BIT_NAME_MAX + 1]; /* of the set or the task */
    bool in_one;                 /* only evaluations in `precision`; else those in the precision that is trained in */
    Bit__Precision precision;
};

#define BIT_CURVE_WISHES "loss, norm, lr, flip, zero, strength, rate, eval:SET, task:TASK"

/** The words of BIT_CURVE_WISHES, up to a NULL. */
extern const char *const bit_curve_wish_words[];

/** Parse a word; the name of a set or a task may be followed by ":16bit" or ":ternary". False if it is no curve. */
bool bit_curve_wish_parse(const char *text, struct bit_curve_wish *out);
/** The title of an axis: "gradient norm", "loss of held, ternary". */
#define BIT_CURVE_TITLE (BIT_NAME_MAX + 64)
const char *bit_curve_wish_title(const struct bit_curve_wish *wish, char out[BIT_CURVE_TITLE]);
/** True if the curve has a value at every step, false if at evaluations. */
bool bit_curve_wish_is_of_steps(const struct bit_curve_wish *wish);
/**
 * The curve's value in a record: *step and *value, which is NaN if the loss or norm of the step was not finite.
 * switch_after: the last 16-bit step, UINT64_MAX if the run has not switched. False: the record has none.
 */
bool bit_curve_wish_value(const struct bit_curve_wish *wish, const Bit__JournalRecord *record, uint64_t switch_after,
                          uint64_t *step, double *value);

#endif
