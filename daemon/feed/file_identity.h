/* What a run's token files were when it first read them: compared with what they are whenever they are opened anew. */
#ifndef BIT_DAEMON_FILE_IDENTITY_H
#define BIT_DAEMON_FILE_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/data/shards.h"
#include "proto/regular_file.h"

#define BIT_FILE_IDENTITY_OWN 1

/**
 * Compare size, modification time and inode of every file of the sets, in order, with what is kept at `path`, which is
 * written if it is not there. A file that has another change time (ctime) alone was linked, renamed or given other
 * rights, or written to with its modification time put back: its bytes are compared with the checksum that dataset.json
 * had when the run began. The same bytes are logged, and that change time is kept; where no checksum is known, a
 * warning is. What an earlier version kept may have no change times or checksums. *stop ends a comparison. Of files
 * that were proven, what a token of each evaluation set stands for, in bytes, is kept with them as the sidecars said
 * then: the sidecars are not opened again.
 * Returns     0 with eval_bytes, or BIT_FILE_IDENTITY_OWN: the files are the user's own, and sidecars may be read
 * Errors      BIT_EDATA naming the first file that is another now; BIT_ECORRUPT; -errno; -ENOMEM; -ECANCELED by *stop
 */
int bit_file_identity_check(struct bit_shards *const *sets, size_t count, const char *path, double *eval_bytes,
                            size_t eval_count, const atomic_bool *stop);

/**
 * Keep what a submitter has proven at `path`, as it is now, device included, with each file's checksum as
 * bit_file_bytes_note has it.
 * Errors      -errno
 */
int bit_file_identity_keep(struct bit_shards *const *sets, size_t count, const char *path, const double *eval_bytes,
                           size_t eval_count, const uint64_t *checksum);
/** How many files the sets have. */
size_t bit_file_identity_count(struct bit_shards *const *sets, size_t count);
/**
 * Compare the files with those that a submitter could open, in the same order.
 * Errors      BIT_EAUTH naming the first that is another
 */
int bit_file_identity_prove(struct bit_shards *const *sets, size_t count, const struct bit_file_id *proven,
                            size_t proven_count);

#endif
