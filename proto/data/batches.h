/*
 * Computes which instances each step trains on, for bitd, which sends them, and for `bitctl data show`.
 *
 * data.train is one source. Its batches are OLMo's: with e epochs of floor(instances / batch) steps before it, a step
 * has the next `batch` places of the order of epoch e; instances that do not fill a batch are left out of the epoch.
 * data.source mixes: a step has instances of each source in turn, as many as mixture.h computes. Each source has its
 * own order, the one that data.train would have with its files, and repeats it epoch after epoch without leaving any
 * instance out. A single data.source is the same as data.train.
 *
 * Rank r of n trains on rows r, r + n, r + 2n, … of the batch, as in OLMo's loader. One thread at a time.
 */
#ifndef BIT_PROTO_BATCHES_H
#define BIT_PROTO_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_batches;
struct bit_shards;

struct bit_batch_row {
    uint32_t source, instance; /* instance: in that source's shards */
    uint64_t epoch;            /* of that source */
};

/**
 * Open the training data of a normalised spec; for a run without steps there are none, and no sources.
 * Errors      as bit_shards_create; BIT_EDATA if the data do not fill one batch; BIT_ELIMIT
 */
int bit_batches_create(const Bit__RunSpec *spec, struct bit_batches **out);
void bit_batches_destroy(struct bit_batches *b);

/** The instances of a step (>= 1), in batch order. rows is (batch.instances). Errors: as bit_shuffle_read. */
int bit_batches_step(struct bit_batches *b, uint64_t step, struct bit_batch_row *rows);

/** Instances in all sources, and the number of whole batches that they make. */
uint64_t bit_batches_instances(const struct bit_batches *b);
uint64_t bit_batches_epoch_steps(const struct bit_batches *b);
size_t bit_batches_sources(const struct bit_batches *b);
/** Borrowed. */
struct bit_shards *bit_batches_shards(const struct bit_batches *b, size_t source);
/** "train" if data.train is used, else data.source's name. Borrowed from b. */
const char *bit_batches_name(const struct bit_batches *b, size_t source);

#endif
