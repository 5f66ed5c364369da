/* From token files to the payload of a step or of an evaluation. Blocking: called on libuv's thread pool. */
#ifndef BIT_DAEMON_FEED_H
#define BIT_DAEMON_FEED_H

#include <stdatomic.h>
#include <stdint.h>

#include "daemon/feed/file_identity.h"
#include "daemon/feed/task_feed.h"
#include "daemon/link/payload.h"
#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"

/* What a run reads: its training data in order, and its evaluation sets. For one thread at a time. */
struct bit_feed;

/**
 * Open everything a normalised spec names.
 * Errors      as bit_batches_create; BIT_EDATA if a set has no instance
 */
int bit_feed_create(const Bit__RunSpec *spec, struct bit_feed **out);
void bit_feed_destroy(struct bit_feed *feed);
/** Instances in the training data; whole batches in an epoch (what does not fill one is dropped). */
uint64_t bit_feed_instances(const struct bit_feed *feed);
uint64_t bit_feed_epoch_steps(const struct bit_feed *feed);

/**
 * Compare the files with what they were when the run first read them, kept at `path`, which is written if it is not
 * there (daemon/feed/file_identity.h). It takes as long as it takes to read files that were touched, or until *stop.
 * What a token stands for comes from there too, where the files were proven, and from the sidecars otherwise.
 * Errors      BIT_EDATA naming the first file that is another now; BIT_ECORRUPT; -errno; -ECANCELED by *stop
 */
int bit_feed_check(struct bit_feed *feed, const Bit__RunSpec *spec, const char *path, const atomic_bool *stop,
                   struct bit_file_changes *changes);
/** Learn what a token of each evaluation set stands for, from its sidecars (bit_sidecar_check has `shown`). */
void bit_feed_weigh(struct bit_feed *feed, const Bit__RunSpec *spec, const struct bit_file_id *shown);

/** Learn what dataset.json says of each file's bytes, for bit_feed_keep; shown as before. -ENOMEM. */
int bit_feed_note_checksums(struct bit_feed *feed, const struct bit_file_id *shown);

/** The files are those that a submitter proved he may read (BIT_EAUTH), in the order of bit_spec_path ... */
int bit_feed_prove(const struct bit_feed *feed, const struct bit_file_id *proven, size_t proven_count);
/** ... and bit_feed_check will compare them with what they are now, device included. Errors: -errno. */
int bit_feed_keep(const struct bit_feed *feed, const char *path);

/** The global batch of a step (>= 1), as bit_batches_step has it, sealed for launch `epoch`. *out is the caller's. */
int bit_feed_step(struct bit_feed *feed, uint64_t step, uint64_t epoch, struct bit_payload **out);
/** The first instances of evaluation set `set` in file order, at most eval.instances; sealed. */
int bit_feed_eval(struct bit_feed *feed, size_t set, uint64_t epoch, struct bit_payload **out);
/** How many instances that are. */
uint32_t bit_feed_eval_instances(const struct bit_feed *feed, size_t set);
/** Bytes of text that a token of the set stands for; 0 where no sidecar tells. */
double bit_feed_eval_bytes_per_token(const struct bit_feed *feed, size_t set);
/** The request files of the run's tasks. */
const struct bit_task_feed *bit_feed_tasks(const struct bit_feed *feed);
/** The file that is being read, or was last; NULL before the first. From any thread; lives as long as the feed. */
const char *bit_feed_reading(const struct bit_feed *feed);

#endif
