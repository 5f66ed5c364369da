/* From token files to the payload of a step or of an evaluation. Blocking: called on libuv's thread pool. */
#ifndef BIT_DAEMON_FEED_H
#define BIT_DAEMON_FEED_H

#include <stdint.h>

#include "daemon/payload.h"
#include "proto/bit.pb-c.h"

struct bit_dataset;

/**
 * Note size, time and place of every file, and count its instances: context-sized chunks inside each file, the
 * remainder dropped. Files are opened when first read, and only a few stay open.
 * Ownership   paths are copied
 * Errors      as bit_token_file_open, for the first file that is not what it should be; -ENOMEM
 */
int bit_dataset_create(char *const *paths, size_t count, uint32_t context, uint32_t vocab, struct bit_dataset **out);
void bit_dataset_destroy(struct bit_dataset *ds);
uint64_t bit_dataset_instances(const struct bit_dataset *ds);
/**
 * Read instance `index` into tokens (context).
 * Errors      BIT_EDATA with file and byte offset: an id not below vocab, a file that shrank or changed; -errno
 */
int bit_dataset_read(struct bit_dataset *ds, uint64_t index, uint16_t *tokens);

/* What a run reads: its training data in order, and its evaluation sets. One thread at a time. */
struct bit_feed;

/**
 * Open everything a normalised spec names.
 * Errors      as bit_dataset_create; BIT_EDATA if the training data do not fill one batch, or a set has no instance
 */
int bit_feed_create(const Bit__RunSpec *spec, struct bit_feed **out);
void bit_feed_destroy(struct bit_feed *feed);
/** Instances in the training data; whole batches in an epoch (what does not fill one is dropped). */
uint64_t bit_feed_instances(const struct bit_feed *feed);
uint64_t bit_feed_epoch_steps(const struct bit_feed *feed);

/**
 * The global batch of a step (>= 1): instances [k B, (k + 1) B) of epoch e's order, where step - 1 = e x steps of an
 * epoch + k. Sealed for run epoch `epoch`. *out is the caller's.
 */
int bit_feed_step(struct bit_feed *feed, uint64_t step, uint64_t epoch, struct bit_payload **out);
/** The first instances of evaluation set `set` in file order, at most eval.instances; sealed. */
int bit_feed_eval(struct bit_feed *feed, size_t set, uint64_t epoch, struct bit_payload **out);
/** How many that are. */
uint32_t bit_feed_eval_instances(const struct bit_feed *feed, size_t set);

#endif
