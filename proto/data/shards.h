/* Presents token files as one sequence of instances: chunks of `context` ids within each file, file after file. One
 * thread at a time. */
#ifndef BIT_PROTO_SHARDS_H
#define BIT_PROTO_SHARDS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_shards;
struct bit_token_file;

struct bit_shards_shape {
    uint32_t context, vocab;
    unsigned token_bytes; /* of an id: 2 or 4 */
};
/** The shape that all sets of a normalised spec have. */
struct bit_shards_shape bit_shards_shape(const Bit__RunSpec *spec);

/**
 * Record size, times and inode of every file, and count its instances; the remainder of each file is dropped. Files are
 * opened when first read, and only a few stay open.
 * Ownership   paths are copied
 * Errors      as bit_token_file_open, for the first invalid file; -ENOMEM
 */
int bit_shards_create(char *const *paths, size_t count, const struct bit_shards_shape *shape, struct bit_shards **out);
void bit_shards_destroy(struct bit_shards *s);
uint64_t bit_shards_instances(const struct bit_shards *s);

/**
 * Read instance `index` into tokens (context ids of token_bytes).
 * Errors      BIT_EDATA with file and byte offset: an id not below vocab, a file that shrank or changed; -errno with
 *             the same for a read that failed and may be retried
 */
int bit_shards_read(struct bit_shards *s, uint64_t index, void *tokens);

/* The place of an instance. */
struct bit_shard_place {
    const char *path;  /* borrowed from the shards */
    uint64_t instance; /* in that file */
    uint64_t token;    /* its first, in that file */
};
void bit_shards_find(const struct bit_shards *s, uint64_t index, struct bit_shard_place *out);

/** The files as they were when the shards were created; the caller must not use their descriptors. */
size_t bit_shards_files(const struct bit_shards *s);
const struct bit_token_file *bit_shards_file(const struct bit_shards *s, size_t i);

#endif
