/*
 * Who owns what of the flat parameter vector, seen from one rank.
 *
 * Shards are whole blocks of BIT_SUM_BLOCK elements, the last one short. A block is what a partial sum of the gradient
 * norm covers and what a checkpoint's checksum covers, so both come out the same whatever the number of ranks.
 */
#ifndef BIT_WORKER_SHARD_H
#define BIT_WORKER_SHARD_H

#include <stdint.h>

#include "kernels/clip.h"
#include "worker/model/plan.h"
#include "worker/ranks/comm.h"
#include "worker/ranks/host_view.h"

struct bit_shard {
    int64_t begin, count;             /* this rank's elements */
    int64_t first_block, block_count; /* and its blocks */
    int64_t blocks;                   /* of the whole vector */
    int64_t linear_begin, linear_end; /* the blocks' linears; the embedding lies before them, an untied head after */
    int64_t *starts, *block_starts;   /* (size + 1), as comm.h's ranges; owned */
    int64_t *clipped;                 /* (size + 1), for bit_shard_clip; owned */
    uint32_t *crc;                    /* (blocks), for bit_shard_digest; owned */
    int size;
};

/** Errors: -ENOMEM. finish takes a zeroed shard too. */
int bit_shard_init(struct bit_shard *shard, const struct bit_worker_plan *plan);
void bit_shard_finish(struct bit_shard *shard);

/** Ranges of the part [begin, end) of the vector: the shards cut to it. Borrowed until the next call. */
const int64_t *bit_shard_clip(struct bit_shard *shard, int64_t begin, int64_t end);
/** This rank's part of [begin, end): where it begins in the vector; *count may be 0. */
int64_t bit_shard_part(const struct bit_shard *shard, int64_t begin, int64_t end, int64_t *count);

/** CRC-32C of each block of `count` values that begin with a block. */
void bit_shard_checksum_blocks(const float *values, int64_t count, uint32_t *crc, int threads);
/**
 * CRC-32C of each block of a sharded vector, of all ranks, in block order. values is this rank's part in f32, read
 * through view.
 * Shapes      values (count); the result (blocks), borrowed until the next call
 * Collective  yes; a failure to read the device's memory ends in bit_comm_abort
 */
const uint32_t *bit_shard_checksums(struct bit_shard *shard, struct bit_comm *comm, struct bit_host_view *view,
                                    const float *values, int threads);

#endif
