/* The identity of a run's token files when it first read them, compared each time they are opened again. */
#ifndef BIT_DAEMON_FILE_IDENTITY_H
#define BIT_DAEMON_FILE_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/data/shards.h"
#include "proto/limits.h"
#include "proto/regular_file.h"

#define BIT_FILE_IDENTITY_OWN 1

/* What to do about a file whose bytes changed since the run began, or are not known to be the same. */
enum bit_file_others {
    BIT_FILE_OTHERS_FAIL,
    BIT_FILE_OTHERS_LOOK, /* report it, and keep nothing */
    BIT_FILE_OTHERS_TAKE, /* report it, and keep its present identity */
};

struct bit_file_changes {
    enum bit_file_others others; /* input */
    size_t same, other;          /* touched files with the same bytes; with other bytes */
    bool resized;                /* a file that failed the check has another size */
    char text[BIT_ERR_TEXT_MAX]; /* about the first of them; empty: none */
};

/**
 * Compare size, times and inode of every file of the sets, in order, with what is kept at `path`, which is written if
 * it is missing. If a file was touched, rewritten or replaced at the same size, its bytes are compared with the
 * checksum that dataset.json had when the run began. If they are the same, that is logged, and the file's present
 * identity is kept. If no checksum is known, another change time (ctime) alone is only a warning: it may come from new
 * rights, a link or a rename. What an earlier version kept may lack change times or checksums. *stop ends a
 * comparison. For files that were proven, another inode is never accepted, and the text bytes per token of each
 * evaluation set are kept with them as the sidecars had them then: the sidecars are not opened again.
 * changes     what to do about other bytes, and what was found
 * Returns     0 with eval_bytes, or BIT_FILE_IDENTITY_OWN: the files are the user's own, and sidecars may be read
 * Errors      BIT_EDATA naming the first file that changed; BIT_ECORRUPT; -errno; -ENOMEM; -ECANCELED by *stop
 */
int bit_file_identity_check(struct bit_shards *const *sets, size_t count, const char *path, double *eval_bytes,
                            size_t eval_count, const atomic_bool *stop, struct bit_file_changes *changes);

/**
 * Keep at `path` the present identity of files that a submitter has proven, device included, with each file's checksum
 * as in bit_file_bytes_note.
 * Errors      -errno
 */
int bit_file_identity_keep(struct bit_shards *const *sets, size_t count, const char *path, const double *eval_bytes,
                           size_t eval_count, const uint64_t *checksum);
/** The number of files in the sets. */
size_t bit_file_identity_count(struct bit_shards *const *sets, size_t count);
/**
 * Compare the files with those that a submitter could open, in the same order.
 * Errors      BIT_EAUTH naming the first that differs
 */
int bit_file_identity_prove(struct bit_shards *const *sets, size_t count, const struct bit_file_id *proven,
                            size_t proven_count);

#endif
