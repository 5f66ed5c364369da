/* Smooths a curve: the mean of the last values. Pure. */
#ifndef BIT_CTL_SMOOTH_H
#define BIT_CTL_SMOOTH_H

#include <stddef.h>

#define BIT_SMOOTH_MAX 1000000

struct bit_smooth {
    double *last; /* a ring of `window` values; owned */
    size_t window, count, at;
    double sum; /* of the values in the ring */
};

/** window: 1 (values unchanged) to BIT_SMOOTH_MAX. -ENOMEM. */
int bit_smooth_init(struct bit_smooth *s, size_t window);
void bit_smooth_finish(struct bit_smooth *s);
/**
 * Add the next value and return the mean of the last `window` values, or of as many as there are. NaN is not a value:
 * NaN is returned, and the next mean ignores it.
 * Accuracy    that of a plain sum of the window: the running sum is recomputed once in every window
 */
double bit_smooth_next(struct bit_smooth *s, double value);
/** Forget the values so far. */
void bit_smooth_restart(struct bit_smooth *s);

#endif
