/* For parsers that take a path: the input in an anonymous file (memfd). */
#ifndef BIT_TESTS_FUZZ_FILE_H
#define BIT_TESTS_FUZZ_FILE_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

struct fuzz_file {
    int fd;
    char path[32];
};

static inline void fuzz_file_open(struct fuzz_file *f, const uint8_t *data, size_t bytes)
{
    f->fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(f->fd >= 0 && write(f->fd, data, bytes) == (ssize_t)bytes);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

static inline void fuzz_file_close(struct fuzz_file *f)
{
    close(f->fd);
}

#endif
