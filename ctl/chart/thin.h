/* Keeps a curve of any length in bounded memory: exact while it is short, then thinned without losing extremes.
 * Pure. */
#ifndef BIT_CTL_THIN_H
#define BIT_CTL_THIN_H

#include <stddef.h>
#include <stdint.h>

/** Number of values that are kept exactly; 16 MiB. Longer curves keep four values for each bucket of steps. */
#define BIT_THIN_BUCKETS 262144

struct bit_thin_point {
    uint64_t step;
    double value; /* NaN: the step has none */
};

/* Steps b * every to (b + 1) * every - 1 for some b: the first value, the lowest, the highest and the last. */
struct bit_thin_bucket {
    struct bit_thin_point first, low, high, last;
};

struct bit_thin {
    struct bit_thin_bucket *bucket; /* ascending; owned */
    size_t count, room, most;
    uint64_t every; /* steps in a bucket; 1: nothing was left out */
};

/** most: maximum number of buckets; 0: BIT_THIN_BUCKETS. */
void bit_thin_init(struct bit_thin *t, size_t most);
void bit_thin_finish(struct bit_thin *t);
/** Add the next value; steps ascend. If all buckets are used, they become twice as wide. -ENOMEM. */
int bit_thin_add(struct bit_thin *t, uint64_t step, double value);
/**
 * The points that are kept, in order of step: at most four for each bucket, none twice. A step without a value is
 * included only if its whole bucket has none. *points is heap, the caller's. -ENOMEM.
 */
int bit_thin_take(const struct bit_thin *t, struct bit_thin_point **points, size_t *count);

#endif
