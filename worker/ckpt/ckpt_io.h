/* Whole reads and writes, and folders, with errors that name the path. */
#ifndef BIT_WORKER_CKPT_IO_H
#define BIT_WORKER_CKPT_IO_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/** Errors of all: -errno with the path in the note. pread: BIT_ECORRUPT if the file ends before. */
int bit_io_pread(int fd, const char *path, void *to, size_t bytes, uint64_t offset);
int bit_io_pwrite(int fd, const char *path, const void *from, size_t bytes, uint64_t offset);
/** A new file of `bytes` bytes for which the disk has room, beginning with `head`. */
int bit_io_create(const char *path, const void *head, size_t head_bytes, uint64_t bytes);
/** dir/name. Errors: -ENAMETOOLONG */
int bit_io_join(char out[BIT_PATH_MAX], const char *dir, const char *name);
/** Remove a folder of plain files. One that is not there is fine. */
int bit_io_remove(const char *dir);

#endif
