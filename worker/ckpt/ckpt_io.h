/* Whole reads and writes, and folders, with errors that name the path. */
#ifndef BIT_WORKER_CKPT_IO_H
#define BIT_WORKER_CKPT_IO_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/** All return -errno with the path in the note. pread: BIT_ECORRUPT if the file ends too early. */
int bit_io_pread(int fd, const char *path, void *to, size_t bytes, uint64_t offset);
int bit_io_pwrite(int fd, const char *path, const void *from, size_t bytes, uint64_t offset);
/** Create a file of `bytes` bytes, allocated on the disk, that begins with `head`. */
int bit_io_create(const char *path, const void *head, size_t head_bytes, uint64_t bytes);
/** dir/name. Errors: -ENAMETOOLONG */
int bit_io_join(char out[BIT_PATH_MAX], const char *dir, const char *name);
/** Remove a folder of plain files. It need not exist. */
int bit_io_remove(const char *dir);

#endif
