/* A token file's bytes, compared with the checksum that dataset.json beside it had when the run began. */
#ifndef BIT_DAEMON_FILE_BYTES_H
#define BIT_DAEMON_FILE_BYTES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/data/shards.h"
#include "proto/data/token_file.h"
#include "proto/regular_file.h"

/**
 * What dataset.json tells of each file of the sets, in order: its CRC-32C and bit 32; 0 where it tells nothing, or of a
 * file of another size. Blocking.
 * checksum    one for each file
 * shown       of each file's sidecar, as bit_sidecar_read_shown has it; or NULL
 */
void bit_file_bytes_note(struct bit_shards *const *sets, size_t count, const struct bit_file_id *shown,
                         uint64_t *checksum);
/**
 * Read the whole file and compare. checksum is not 0. Blocking, for as long as that takes, or until *stop.
 * same_mtime  it was written to, if it was, with its modification time put back
 * Errors      BIT_EDATA naming the file, if its bytes are others or another file is there by now; -ECANCELED; -errno
 */
int bit_file_bytes_compare(const struct bit_token_file *file, uint64_t checksum, bool same_mtime,
                           const atomic_bool *stop);

#endif
