/* Opens regular files only, without blocking: a path from outside may name a FIFO without a writer, or a device. */
#ifndef BIT_PROTO_REGULAR_FILE_H
#define BIT_PROTO_REGULAR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Identifies a file independently of its name. */
struct bit_file_id {
    uint64_t device, inode; /* inode 0: none */
};

bool bit_file_id_is(const struct bit_file_id *id, const struct stat *st);
/** 0, or BIT_EDATA with the kind of file that `path` is instead of a regular one. */
int bit_regular_file_check(const char *path, const struct stat *st);
/**
 * Open a regular file for reading, without blocking, and set *st to its status. A symbolic link as the last part of the
 * path is followed only if `follow`. On failure nothing is open.
 * Returns     the descriptor, close-on-exec, without O_NONBLOCK's effect on files
 * Errors      BIT_EDATA; -errno
 */
int bit_regular_file_open(const char *path, bool follow, struct stat *st);
/**
 * Read all of an open file whose status is *st, at most `most` bytes. *out is heap, the caller's, with a NUL after its
 * bytes.
 * Errors      BIT_ELIMIT; BIT_EDATA if it is shorter than *st says; -errno
 */
int bit_regular_file_read(int fd, const char *path, const struct stat *st, size_t most, uint8_t **out, size_t *bytes);

#endif
