/*
 * A GGUF file read: its pairs, and its tensors with where they lie. Versions 2 and 3 are alike for it. Only the types
 * of gguf_type.h are known, and tensors lie one after the other, without a gap, as llama.cpp demands it.
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
    const char *key; /* of key_bytes, not NUL-terminated; this and the value are borrowed from the head */
    size_t key_bytes;
    enum bit_gguf_value type; /* of an array: of its elements */
    bool is_array;
    uint64_t count; /* elements; 1 of what is no array */
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
 * Parse what lies before the data of a file of file_bytes, whose first `bytes` bytes are in buf. *out borrows buf.
 * Errors      -EAGAIN if more of the file is needed; BIT_ECORRUPT saying what is wrong, and of which pair or tensor;
 *             BIT_ELIMIT; -ENOMEM. *out is untouched then.
 */
int bit_gguf_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_gguf *out);
/** The same of an open file; *out owns its head. path is for the error's text. Also -errno. */
int bit_gguf_read(int fd, const char *path, struct bit_gguf *out);
void bit_gguf_finish(struct bit_gguf *file);

/** NULL if there is none. */
const struct bit_gguf_pair *bit_gguf_find_pair(const struct bit_gguf *file, const char *key);
const struct bit_gguf_tensor *bit_gguf_find_tensor(const struct bit_gguf *file, const char *name);

#endif
