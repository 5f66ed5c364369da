/*
 * Reads a checkpoint for an export: its architecture, and its weights one tensor at a time. Each byte read is checked
 * against the manifest's checksums.
 */
#ifndef BIT_CTL_EXPORT_SOURCE_H
#define BIT_CTL_EXPORT_SOURCE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/limits.h"

struct bit_source {
    char path[BIT_PATH_MAX]; /* of model.safetensors, for error messages */
    Bit__Manifest *manifest; /* owned, as are tensors and chunk; its spec is normalised */
    struct bit_tensor *tensors;
    int count;
    int64_t largest; /* elements of the largest tensor */
    int fd;
    uint8_t *chunk; /* BIT_CHECKPOINT_CHUNK */
};

/**
 * Open the checkpoint in `folder`. The optimizer's files may be missing. The caller ends it with finish, after a
 * failure too; a zeroed struct is allowed there.
 * Errors      bit_manifest_read's; BIT_ECORRUPT if model.safetensors has another size, or other tensors, than the
 *             manifest says; -ENAMETOOLONG; -ENOMEM
 */
int bit_source_open(struct bit_source *source, const char *folder);
void bit_source_finish(struct bit_source *source);

/**
 * Read the fp32 master weights of tensor t: rows x cols elements. Tensors may be read in any order and repeatedly.
 * Errors      BIT_ECORRUPT naming chunk and byte; -errno
 */
int bit_source_read(const struct bit_source *source, int t, float *out);

#endif
