/*
 * One rank's part of the flat parameter vector (model/layout.h): a few runs of whole blocks. Its master weights and
 * moments are vectors of `count` elements with these runs one after the other.
 */
#ifndef BIT_WORKER_SHARD_H
#define BIT_WORKER_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/model/plan.h"
#include "worker/ranks/comm.h"
#include "worker/ranks/host_view.h"

/* Consecutive blocks; all but the vector's last block are full. */
struct bit_shard_run {
    int64_t begin, count; /* elements of the flat vector */
    int64_t at;           /* their offset in this rank's own vectors */
    int64_t first_block, blocks;
};

struct bit_shard {
    const struct bit_layout *layout; /* borrowed */
    struct bit_shard_run *runs;      /* ascending; owned */
    int run_count;
    int64_t count;                    /* this rank's elements */
    int64_t blocks;                   /* of the whole vector */
    int64_t linear_begin, linear_end; /* range of the linears; the embedding lies before it, an untied head after */
    uint32_t *crc;                    /* (blocks), for bit_shard_checksums; owned, as the next two */
    uint8_t *told;                    /* for bit_shard_gather: the entries of every rank's blocks */
    struct bit_block_run *theirs;     /* runs of one rank at a time */
};

/** plan outlives the shard. Errors: -ENOMEM. finish takes a zeroed shard too. */
int bit_shard_init(struct bit_shard *shard, const struct bit_worker_plan *plan);
void bit_shard_finish(struct bit_shard *shard);

/* This rank's part of a sharded vector, (shard->count) in the backend's memory. */
struct bit_shard_vector {
    void *values;
    enum bit_dtype dtype;
};
/** Its elements from `at` on. */
static inline void *bit_shard_from(const struct bit_shard_vector *vector, int64_t at)
{
    return (uint8_t *)vector->values + (size_t)at * bit_dtype_bytes(vector->dtype);
}

/* Consecutive elements of this rank. */
struct bit_shard_part {
    int64_t begin, count; /* of the flat vector */
    int64_t at;           /* of this rank's own vectors */
    int next;             /* index of the next run, for bit_shard_next */
};
/**
 * Iterate over this rank's elements in [begin, end), a part at a time, ascending: false after the last one. part is
 * zeroed before the first call.
 */
bool bit_shard_next(const struct bit_shard *shard, int64_t begin, int64_t end, struct bit_shard_part *part);

/* The largest entry of bit_shard_gather. */
#define BIT_SHARD_TOLD_BYTES 8
/**
 * Complete a table with one entry per block, in which every rank has filled in its own blocks' entries.
 * Shapes      table (blocks, bytes), in the host's memory
 * Collective  yes, over this rank's group of comm
 */
void bit_shard_gather(struct bit_shard *shard, struct bit_comm *comm, void *table, size_t bytes);

/** CRC-32C of each block of `count` values of this type, the first of which begins a block. */
void bit_shard_checksum_blocks(const void *values, enum bit_dtype dtype, int64_t count, uint32_t *crc, int threads);
/**
 * CRC-32C of each block of a sharded vector, of all ranks, in block order. It is read through view.
 * Shapes      the result (blocks), borrowed until the next call
 * Collective  yes; a failure to read the device's memory ends in bit_comm_abort
 */
const uint32_t *bit_shard_checksums(struct bit_shard *shard, struct bit_comm *comm, struct bit_host_view *view,
                                    const struct bit_shard_vector *vector, int threads);

#endif
