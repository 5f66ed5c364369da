/*
 * A checkpoint as something to export: its architecture, and its weights a tensor at a time, each byte compared with
 * the manifest's checksums on its way.
 */
#ifndef BIT_CTL_EXPORT_SOURCE_H
#define BIT_CTL_EXPORT_SOURCE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/limits.h"

struct bit_source {
    char path[BIT_PATH_MAX]; /* of model.safetensors, for errors */
    Bit__Manifest *manifest; /* owned, with the next two, which the spec of the run is read from */
    struct bit_tensor *tensors;
    int count;
    int64_t largest; /* elements of the largest tensor */
    int fd;
    uint8_t *chunk; /* BIT_CHECKPOINT_CHUNK */
};

/**
 * Open the checkpoint in `folder`. Its optimizer's files may be missing. finish takes a failed or a zeroed one too.
 * Errors      bit_manifest_read's; BIT_ECORRUPT if model.safetensors has another size, or other tensors, than the
 *             manifest says; -ENAMETOOLONG; -ENOMEM
 */
int bit_source_open(struct bit_source *source, const char *folder);
void bit_source_finish(struct bit_source *source);

/**
 * The fp32 master weights of tensor t: rows x cols elements. Any order, any number of times.
 * Errors      BIT_ECORRUPT naming chunk and byte; -errno
 */
int bit_source_read(const struct bit_source *source, int t, float *out);

#endif
