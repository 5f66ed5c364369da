/* Small files, whole and durable. */
#ifndef BIT_DAEMON_FILEIO_H
#define BIT_DAEMON_FILEIO_H

#include <stddef.h>
#include <stdint.h>

/** Note that a file could not be opened, and which limit it was where descriptors ran out. Returns err. */
int bit_file_fail(int err, const char *path);
/** Write through a temporary name, synced and renamed, mode 0600. Errors: -errno. */
int bit_file_write(const char *path, const void *data, size_t bytes);
/** Read a whole file of at most `max` bytes. *out is heap, the caller's. Errors: -errno; BIT_ELIMIT. */
int bit_file_read(const char *path, size_t max, uint8_t **out, size_t *bytes);
/** Make the names in a folder durable. Errors: -errno. */
int bit_dir_sync(const char *path);
/**
 * Remove a folder with everything in it, also where another process does the same.
 * Errors      -ENOENT if there is none; -errno of the first entry that could not be removed: the rest stays
 */
int bit_dir_remove(const char *path);
/** The disk that a folder takes with all that is in it. Errors: -errno. */
int bit_dir_bytes(const char *path, uint64_t *bytes);
/** Remove everything in a folder, and count the disk that it and the folder took. Errors: as bit_dir_remove. */
int bit_dir_empty(const char *path, uint64_t *bytes);
/** How many entries a folder has; 0 if there is no such folder. Errors: -errno. */
int bit_dir_count(const char *path);
/** mkdir -p, mode 0700. Errors: -errno. */
int bit_dir_make(const char *path);

#endif
