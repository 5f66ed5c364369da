/* Compares a token file's bytes with the checksum that dataset.json beside it had when the run began. */
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
 * The CRC-32C that dataset.json has for each file of the sets, in order, with bit 32 set; 0 if it has none, or has
 * another size for the file. Blocking.
 * checksum    one for each file
 * shown       of each file's sidecar, as in bit_sidecar_read_shown; or NULL
 */
void bit_file_bytes_note(struct bit_shards *const *sets, size_t count, const struct bit_file_id *shown,
                         uint64_t *checksum);
/**
 * Read the whole file and compare it with checksum, which is not 0. Blocking, until the end or *stop.
 * same_mtime  if the file was written to, its modification time was put back: the text says so
 * Errors      BIT_EDATA naming the file, if its bytes differ or it was replaced meanwhile; -ECANCELED; -errno
 */
int bit_file_bytes_compare(const struct bit_token_file *file, uint64_t checksum, bool same_mtime,
                           const atomic_bool *stop);

#endif
