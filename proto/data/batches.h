/*
 * Which instances each step trains on. The one place that knows: bitd feeds from it, `bitctl data show` prints from it.
 *
 * data.train is one source. Its batches are OLMo's: with e epochs of floor(instances / batch) steps before it, a step
 * has the next `batch` places of the order of epoch e, and what does not fill a batch is left out of the epoch.
 * data.source mixes: a step has its sources one after the other, each with as many instances as mixture.h says. A
 * source goes through its own order, the one that data.train with its files would have, epoch after epoch without
 * leaving any out. A single data.source is data.train by another name.
 *
 * Rank r of n trains on rows r, r + n, r + 2n, … of the batch, as OLMo's loader deals it. One thread at a time.
 */
#ifndef BIT_PROTO_BATCHES_H
#define BIT_PROTO_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_batches;
struct bit_shards;

struct bit_batch_row {
    uint32_t source, instance; /* of which source's shards */
    uint64_t epoch;            /* of that source */
};

/**
 * Open the training data of a normalised spec; a run without steps has none, and no sources.
 * Errors      as bit_shards_create; BIT_EDATA if it does not fill one batch; BIT_ELIMIT
 */
int bit_batches_create(const Bit__RunSpec *spec, struct bit_batches **out);
void bit_batches_destroy(struct bit_batches *b);

/** The instances of a step (>= 1), in batch order. rows is (batch.instances). Errors: as bit_shuffle_read. */
int bit_batches_step(struct bit_batches *b, uint64_t step, struct bit_batch_row *rows);

/** Instances in all sources; whole batches that they make. */
uint64_t bit_batches_instances(const struct bit_batches *b);
uint64_t bit_batches_epoch_steps(const struct bit_batches *b);
size_t bit_batches_sources(const struct bit_batches *b);
/** Borrowed. */
struct bit_shards *bit_batches_shards(const struct bit_batches *b, size_t source);
/** "train" where data.train is used, else data.source's name. Borrowed from the spec's copy. */
const char *bit_batches_name(const struct bit_batches *b, size_t source);

#endif
