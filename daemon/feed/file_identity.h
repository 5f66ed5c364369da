/* What a run's token files were when it first read them: compared with what they are whenever they are opened anew. */
#ifndef BIT_DAEMON_FILE_IDENTITY_H
#define BIT_DAEMON_FILE_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/data/shards.h"
#include "proto/limits.h"
#include "proto/regular_file.h"

#define BIT_FILE_IDENTITY_OWN 1

/* What becomes of a file whose bytes are others than when the run began, or are not known to be the same. */
enum bit_file_others {
    BIT_FILE_OTHERS_FAIL,
    BIT_FILE_OTHERS_LOOK, /* it is told, and nothing is kept */
    BIT_FILE_OTHERS_TAKE, /* it is told, and kept as it is now */
};

struct bit_file_changes {
    enum bit_file_others others; /* given */
    size_t same, other;          /* files that were touched: with the same bytes, with others */
    bool resized;                /* one that failed the check has another size */
    char text[BIT_ERR_TEXT_MAX]; /* of the first of them; empty: there is none */
};

/**
 * Compare size, times and inode of every file of the sets, in order, with what is kept at `path`, which is written if
 * it is not there. Of a file that was touched, written anew or replaced at the same size the bytes are compared with
 * the checksum that dataset.json had when the run began. The same bytes are logged, and how the file is now is kept.
 * Where no checksum is known, another change time (ctime) alone is a warning: rights, a link or a new name. What an
 * earlier version kept may have no change times or checksums. *stop ends a comparison. Of files that were proven,
 * another inode is never taken, and what a token of each evaluation set stands for, in bytes, is kept with them as the
 * sidecars said then: the sidecars are not opened again.
 * changes     what is to be done about other bytes, and what was found
 * Returns     0 with eval_bytes, or BIT_FILE_IDENTITY_OWN: the files are the user's own, and sidecars may be read
 * Errors      BIT_EDATA naming the first file that is another now; BIT_ECORRUPT; -errno; -ENOMEM; -ECANCELED by *stop
 */
int bit_file_identity_check(struct bit_shards *const *sets, size_t count, const char *path, double *eval_bytes,
                            size_t eval_count, const atomic_bool *stop, struct bit_file_changes *changes);

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
