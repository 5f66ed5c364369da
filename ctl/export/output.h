/*
 * A folder that is there whole or not at all: written as PATH.partial, synced, and renamed once what is in it has been
 * read again. What a killed process left as PATH.partial is cleared by the next one.
 */
#ifndef BIT_CTL_EXPORT_OUTPUT_H
#define BIT_CTL_EXPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/* In every export, written last: what it was made of. A folder without it is never replaced. */
#define BIT_OUTPUT_MARK "bitd_export.json"

struct bit_output {
    char path[BIT_PATH_MAX], partial[BIT_PATH_MAX];
    bool force;
    int fd;         /* of the partial folder, locked; -1: none */
    uint64_t bytes; /* of the files that are finished */
};

/**
 * Make PATH.partial, empty. With force a folder that an export made may be there, and is replaced at the end.
 * Errors      -EEXIST; BIT_EBUSY while another process writes there; -ENAMETOOLONG; -errno
 */
int bit_output_begin(struct bit_output *output, const char *path, bool force);
/** Sync the folder, give it its name and sync that; the replaced one is removed. Errors: -errno */
int bit_output_commit(struct bit_output *output);
/** Removes what has not got its name. Takes a zeroed one, too. */
void bit_output_finish(struct bit_output *output);

/* One file of the folder. */
struct bit_output_file {
    struct bit_output *output; /* borrowed */
    char name[256];
    int fd;
    uint64_t bytes; /* written so far */
};
/** A new file. Errors: -errno */
int bit_output_open(struct bit_output *output, const char *name, struct bit_output_file *out);
int bit_output_write(struct bit_output_file *file, const void *bytes, size_t count);
/** Synced and closed, also after err < 0, which is returned then. */
int bit_output_close(struct bit_output_file *file, int err);
/** A whole file. */
int bit_output_file(struct bit_output *output, const char *name, const void *bytes, size_t count);
/** Open a file of the folder to be read. Returns its descriptor, or -errno. */
int bit_output_read(const struct bit_output *output, const char *name);

#endif
