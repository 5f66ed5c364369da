/*
 * How the flat parameter vector is cut over the ranks.
 *
 * It is cut in whole blocks of BIT_LAYOUT_BLOCK elements, of which the last one may be short. A partial sum of the
 * gradient's norm and a checksum of a checkpoint each cover one block, so that both are the same for any number of
 * ranks.
 *
 * The vector is divided into buckets: the embedding, each transformer block, an untied head. A bucket is one
 * collective. Of the blocks that lie entirely in a bucket, every rank has the same number, in rank order (a span):
 * reduce-scatter and all-gather move a span without a copy. The blocks between spans are gaps: blocks across a border
 * of buckets, the remainder of a division, the short last block. All gaps together are distributed over the ranks as if
 * they were one vector.
 */
#ifndef BIT_WORKER_LAYOUT_H
#define BIT_WORKER_LAYOUT_H

#include <stdint.h>

#define BIT_LAYOUT_BLOCK 16384 /* elements: BIT_SUM_BLOCK of kernels/clip.h, BIT_CHECKPOINT_CHUNK / 4 */

/* Block indices of the whole vector. Rank r has [first + r each, first + (r + 1) each). */
struct bit_layout_span {
    int64_t first, each;
};

/* Consecutive blocks: a gap, or a run of blocks that a rank has. */
struct bit_block_run {
    int64_t first, blocks;
};

struct bit_layout {
    int size; /* ranks */
    int64_t elements, blocks;
    struct bit_layout_span *spans; /* ascending; owned, as the next */
    struct bit_block_run *gaps;    /* ascending; between spans */
    int span_count, gap_count;
    int64_t gap_blocks; /* of all gaps */
    int64_t gap_each;   /* blocks of the gaps' vector per rank (the last ones fewer): rank r's begin at r gap_each */
};

/**
 * Cut a vector whose buckets are [borders[i], borders[i + 1]), ascending from 0 to the vector's length.
 * Ownership   layout owns its tables (bit_layout_finish, which takes a zeroed one too)
 * Errors      -ENOMEM
 */
int bit_layout_init(struct bit_layout *layout, const int64_t *borders, int buckets, int size);
void bit_layout_finish(struct bit_layout *layout);

/** The most runs that a rank can have. */
int bit_layout_runs_max(const struct bit_layout *layout);
/** The runs of rank `rank`, ascending, adjacent ones joined. Returns their number: 0 if there are too few blocks. */
int bit_layout_runs(const struct bit_layout *layout, int rank, struct bit_block_run *runs);
/** The largest number of blocks that a rank has. */
int64_t bit_layout_blocks_max(const struct bit_layout *layout);

#endif
