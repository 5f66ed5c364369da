/*
 * How the flat parameter vector is cut over the ranks.
 *
 * It is cut in whole blocks of BIT_LAYOUT_BLOCK elements, the last one short: what a partial sum of the gradient's norm
 * covers and a checkpoint's checksum covers, so that both come out the same whatever the number of ranks.
 *
 * The vector falls into buckets: the embedding, each transformer block, an untied head. A bucket is one collective. Of
 * the blocks that lie in it whole every rank has as many, one rank's after the other's (a span): what reduce-scatter
 * and all-gather move without a copy. What is left between spans (gaps: blocks that lie across a border of buckets, the
 * remainder of a division, the short last block) is dealt out over the ranks in one piece, as if it were one vector.
 */
#ifndef BIT_WORKER_LAYOUT_H
#define BIT_WORKER_LAYOUT_H

#include <stdint.h>

#define BIT_LAYOUT_BLOCK 16384 /* elements: BIT_SUM_BLOCK of kernels/clip.h, BIT_CHECKPOINT_CHUNK / 4 */

/* Blocks, counted over the whole vector. Rank r has [first + r each, first + (r + 1) each). */
struct bit_layout_span {
    int64_t first, each;
};

/* Consecutive blocks; a gap of `blocks` or a rank's run of them. */
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
    int64_t gap_each;   /* of them a rank has so many, the last ones fewer: rank r from r gap_each on */
};

/**
 * Cut a vector whose buckets are [borders[i], borders[i + 1]), ascending from 0 to the vector's length.
 * Ownership   layout owns its tables (bit_layout_finish, which takes a zeroed one too)
 * Errors      -ENOMEM
 */
int bit_layout_init(struct bit_layout *layout, const int64_t *borders, int buckets, int size);
void bit_layout_finish(struct bit_layout *layout);

/** At most so many runs has a rank. */
int bit_layout_runs_max(const struct bit_layout *layout);
/** What rank `rank` has, ascending, runs that touch joined. Returns how many: 0 where there are too few blocks. */
int bit_layout_runs(const struct bit_layout *layout, int rank, struct bit_block_run *runs);
/** How many blocks the rank with the most has. */
int64_t bit_layout_blocks_max(const struct bit_layout *layout);

#endif
