/* A curve of any length in bounded memory: exact while it is short, then thinned without losing extremes. Pure. */
#ifndef BIT_CTL_THIN_H
#define BIT_CTL_THIN_H

#include <stddef.h>
#include <stdint.h>

/** Values that are kept as they are; 16 MiB of them. Of longer curves every bucket of steps keeps four. */
#define BIT_THIN_BUCKETS 262144

struct bit_thin_point {
    uint64_t step;
    double value; /* NaN: the step has none */
};

/* Steps b * every to (b + 1) * every - 1 of some b: the first value, the lowest, the highest and the last. */
struct bit_thin_bucket {
    struct bit_thin_point first, low, high, last;
};

struct bit_thin {
    struct bit_thin_bucket *bucket; /* ascending; owned */
    size_t count, room, most;
    uint64_t every; /* 1: nothing was left out */
};

/** most: buckets; 0 stands for BIT_THIN_BUCKETS. */
void bit_thin_init(struct bit_thin *t, size_t most);
void bit_thin_finish(struct bit_thin *t);
/** The next value; steps ascend. Where there is no room left, buckets become twice as wide. -ENOMEM. */
int bit_thin_add(struct bit_thin *t, uint64_t step, double value);
/**
 * What is kept, in order of step: at most four points a bucket, none twice; a step without a value only where its whole
 * bucket has none. *points is heap, the caller's. -ENOMEM.
 */
int bit_thin_take(const struct bit_thin *t, struct bit_thin_point **points, size_t *count);

#endif
