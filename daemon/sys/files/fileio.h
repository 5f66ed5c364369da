/* Small files, read and written whole and durably; folders. */
#ifndef BIT_DAEMON_FILEIO_H
#define BIT_DAEMON_FILEIO_H

#include <stddef.h>
#include <stdint.h>

/** Note (bit_fail) that a file could not be opened; for -EMFILE, also the value of RLIMIT_NOFILE. Returns err. */
int bit_file_fail(int err, const char *path);
/** Write to a temporary file of mode 0600, sync it, and rename it. Errors: -errno. */
int bit_file_write(const char *path, const void *data, size_t bytes);
/** Read a whole file of at most `max` bytes. *out is heap, the caller's. Errors: -errno; BIT_ELIMIT. */
int bit_file_read(const char *path, size_t max, uint8_t **out, size_t *bytes);
/**
 * Copy the file `name`, of at most `max` bytes, from one folder to another, durably. 0 also if there is none. Errors:
 * -errno; BIT_ELIMIT.
 */
int bit_file_copy(const char *from, const char *to, const char *name, size_t max);
/** fsync a folder, which makes the names in it durable. Errors: -errno. */
int bit_dir_sync(const char *path);
/**
 * Remove a folder with everything in it, even if another process does so at the same time.
 * Errors      -ENOENT if there is none; -errno of the first entry that could not be removed: the rest stays
 */
int bit_dir_remove(const char *path);
/** Disk bytes that removing a folder would free: files with further hard links do not count. Errors: -errno. */
int bit_dir_bytes(const char *path, uint64_t *bytes);
/** Remove everything in a folder, and count its bytes as bit_dir_bytes does. Errors: as bit_dir_remove. */
int bit_dir_empty(const char *path, uint64_t *bytes);
/** The number of entries in a folder; 0 if it does not exist. Errors: -errno. */
int bit_dir_count(const char *path);
/** mkdir -p, mode 0700. Errors: -errno. */
int bit_dir_make(const char *path);

#endif
