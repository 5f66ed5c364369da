/* read(2), pread(2) and write(2) that go on after a part and after a signal. */
#ifndef BIT_PROTO_FULL_IO_H
#define BIT_PROTO_FULL_IO_H

#include <stddef.h>
#include <stdint.h>

/** Read `bytes` bytes, or fewer at the file's end. *got: how many, also on failure. Errors: -errno, not noted. */
int bit_full_io_read(int fd, void *out, size_t bytes, size_t *got);
/** The same from byte `at` of the file. */
int bit_full_io_read_at(int fd, void *out, size_t bytes, uint64_t at, size_t *got);
/** Write all of it. Errors: -errno, not noted. */
int bit_full_io_write(int fd, const void *data, size_t bytes);

#endif
