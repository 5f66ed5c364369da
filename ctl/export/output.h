/*
 * A folder that is published atomically: written as PATH.partial, synced, and renamed once its contents have been read
 * again. The next export to PATH clears a PATH.partial that a killed process left.
 */
#ifndef BIT_CTL_EXPORT_OUTPUT_H
#define BIT_CTL_EXPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/* Written last in every export; records what it was made from. A folder without it is never replaced. */
#define BIT_OUTPUT_MARK "bitd_export.json"

struct bit_output {
    char path[BIT_PATH_MAX], partial[BIT_PATH_MAX];
    bool force;
    int fd;         /* the partial folder, locked; -1: none */
    uint64_t bytes; /* in finished files */
};

/**
 * Make PATH.partial, empty. With force an earlier export may exist at PATH; it is replaced at the end.
 * Errors      -EEXIST; BIT_EBUSY while another process writes there; BIT_EOUTPUT; -errno
 */
int bit_output_begin(struct bit_output *output, const char *path, bool force);
/** Sync the folder, rename it and sync its parent; the replaced folder is removed. Errors: BIT_EOUTPUT, -errno */
int bit_output_commit(struct bit_output *output);
/** Removes the partial folder unless it was committed. A zeroed struct is allowed. */
void bit_output_finish(struct bit_output *output);

/* One file in the folder. */
struct bit_output_file {
    struct bit_output *output; /* borrowed */
    char name[256];
    int fd;
    uint64_t bytes; /* written so far */
};
/** Create a file. Errors: BIT_EOUTPUT, -errno */
int bit_output_open(struct bit_output *output, const char *name, struct bit_output_file *out);
int bit_output_write(struct bit_output_file *file, const void *bytes, size_t count);
/** Sync and close. If err < 0, only close, and return err. */
int bit_output_close(struct bit_output_file *file, int err);
/** Write a complete file. */
int bit_output_file(struct bit_output *output, const char *name, const void *bytes, size_t count);
/** Open a file of the folder for reading. Returns its descriptor, or -errno. */
int bit_output_read(const struct bit_output *output, const char *name);

#endif
