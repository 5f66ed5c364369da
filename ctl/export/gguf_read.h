/*
 * Reads the head of a GGUF file: its pairs, and its tensors with their positions. Versions 2 and 3 are read alike.
 * Only the types of gguf_type.h are known, and tensors must follow one another without a gap, as llama.cpp demands.
 */
#ifndef BIT_CTL_GGUF_READ_H
#define BIT_CTL_GGUF_READ_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/export/gguf_head.h"

#define BIT_GGUF_HEAD_BYTES_MAX (256u << 20)
#define BIT_GGUF_PAIRS_MAX      4096
#define BIT_GGUF_TENSORS_MAX    16384

struct bit_gguf_pair {
    const char *key; /* key_bytes long, not NUL-terminated; key and value are borrowed from the head */
    size_t key_bytes;
    enum bit_gguf_value type; /* of the value; of an array, the type of its elements */
    bool is_array;
    uint64_t count; /* elements; 1 if not an array */
    const uint8_t *value;
    size_t value_bytes;
};

struct bit_gguf {
    uint8_t *head;
    size_t head_bytes; /* where the data begins */
    struct bit_gguf_pair *pairs;
    struct bit_gguf_tensor *tensors;
    int pair_count, tensor_count;
};

/**
 * Parse the head of a file of file_bytes, whose first `bytes` bytes are in buf. *out borrows buf, and is untouched on
 * failure.
 * Errors      -EAGAIN if more of the file is needed; BIT_ECORRUPT saying what is wrong, and of which pair or tensor;
 *             BIT_ELIMIT; -ENOMEM
 */
int bit_gguf_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_gguf *out);
/** The same for an open file; *out owns its head. path is used in error messages. Also -errno. */
int bit_gguf_read(int fd, const char *path, struct bit_gguf *out);
void bit_gguf_finish(struct bit_gguf *file);

/** NULL if there is none. */
const struct bit_gguf_pair *bit_gguf_find_pair(const struct bit_gguf *file, const char *key);
const struct bit_gguf_tensor *bit_gguf_find_tensor(const struct bit_gguf *file, const char *name);

#endif
