/* The smoothed curve: the mean of the last values. Pure. */
#ifndef BIT_CTL_SMOOTH_H
#define BIT_CTL_SMOOTH_H

#include <stddef.h>

#define BIT_SMOOTH_MAX 1000000

struct bit_smooth {
    double *last; /* a ring of `window` values; owned */
    size_t window, count, at;
    double sum; /* of those that are there */
};

/** window: 1 (values as they are) to BIT_SMOOTH_MAX. -ENOMEM. */
int bit_smooth_init(struct bit_smooth *s, size_t window);
void bit_smooth_finish(struct bit_smooth *s);
/**
 * Take the next value and return the mean of it and those before it, `window` in all or as many as there are. NaN is
 * no value: NaN comes back, and the next mean is of what was before it.
 * Accuracy    that of a plain sum of the window: the running sum is added up anew once in every window
 */
double bit_smooth_next(struct bit_smooth *s, double value);
/** Begin anew: what came before is not averaged with what comes. */
void bit_smooth_restart(struct bit_smooth *s);

#endif
