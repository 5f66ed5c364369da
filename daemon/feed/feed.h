/* From token files to the payload of a step or an evaluation. Blocking: called on libuv's thread pool. */
#ifndef BIT_DAEMON_FEED_H
#define BIT_DAEMON_FEED_H

#include <stdatomic.h>
#include <stdint.h>

#include "daemon/feed/file_identity.h"
#include "daemon/feed/task_feed.h"
#include "daemon/link/payload.h"
#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"

/* What a run reads: its training data in order, and its evaluation sets. One thread at a time may use it. */
struct bit_feed;

/**
 * Open every file that a normalised specification names.
 * Errors      as bit_batches_create; BIT_EDATA if a set has no instance
 */
int bit_feed_create(const Bit__RunSpec *spec, struct bit_feed **out);
void bit_feed_destroy(struct bit_feed *feed);
/** Instances in the training data; whole batches in an epoch (the rest is dropped). */
uint64_t bit_feed_instances(const struct bit_feed *feed);
uint64_t bit_feed_epoch_steps(const struct bit_feed *feed);

/**
 * Compare the files with their identities when the run first read them, which are kept at `path` and written there if
 * missing (daemon/feed/file_identity.h). Files that were touched are read completely, until *stop. The text bytes of a
 * token are read from `path`, too, if the files were proven, and otherwise from the sidecars.
 * Errors      BIT_EDATA naming the first file that changed; BIT_ECORRUPT; -errno; -ECANCELED by *stop
 */
int bit_feed_check(struct bit_feed *feed, const Bit__RunSpec *spec, const char *path, const atomic_bool *stop,
                   struct bit_file_changes *changes);
/** Read the text bytes of a token of each evaluation set from its sidecars (for `shown` see bit_sidecar_check). */
void bit_feed_weigh(struct bit_feed *feed, const Bit__RunSpec *spec, const struct bit_file_id *shown);

/** Read each file's checksum from dataset.json, for bit_feed_keep; shown as before. -ENOMEM. */
int bit_feed_note_checksums(struct bit_feed *feed, const struct bit_file_id *shown);

/** Check that the files are those that a submitter proved he may read (BIT_EAUTH), in the order of bit_spec_path ... */
int bit_feed_prove(const struct bit_feed *feed, const struct bit_file_id *proven, size_t proven_count);
/** ... and keep their identities at `path`, device included, for bit_feed_check. Errors: -errno. */
int bit_feed_keep(const struct bit_feed *feed, const char *path);

/** The global batch of a step (>= 1), as in bit_batches_step, sealed for launch `epoch`. *out is the caller's. */
int bit_feed_step(struct bit_feed *feed, uint64_t step, uint64_t epoch, struct bit_payload **out);
/** The first instances of evaluation set `set` in file order, at most eval.instances; sealed. */
int bit_feed_eval(struct bit_feed *feed, size_t set, uint64_t epoch, struct bit_payload **out);
/** The number of those instances. */
uint32_t bit_feed_eval_instances(const struct bit_feed *feed, size_t set);
/** Bytes of text per token of the set; 0 if no sidecar has it. */
double bit_feed_eval_bytes_per_token(const struct bit_feed *feed, size_t set);
/** The request files of the run's tasks. */
const struct bit_task_feed *bit_feed_tasks(const struct bit_feed *feed);
/** The file being read, or last read; NULL before the first. From any thread; valid as long as the feed. */
const char *bit_feed_reading(const struct bit_feed *feed);

#endif
