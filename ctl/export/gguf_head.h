/*
 * Writes the head of a GGUF file, which is everything before the data: pairs of a key and a typed value, and the
 * position of each tensor.
 *
 *     "GGUF", u32 3, u64 tensors, u64 pairs                  little-endian
 *     a pair: u64 bytes, the key, u32 type, the value         a text is u64 bytes and the bytes;
 *                                                             an array u32 type, u64 count, the values
 *     a tensor: u64 bytes, the name, u32 dimensions, u64 each, the fastest first, u32 type, u64 offset in the data
 *     zeros up to a multiple of 32, where the data begins; each tensor begins at such a multiple, too
 * Source      ggml-org/ggml: docs/gguf.md
 */
#ifndef BIT_CTL_GGUF_HEAD_H
#define BIT_CTL_GGUF_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/export/gguf_type.h"

#define BIT_GGUF_VERSION  3
#define BIT_GGUF_ALIGN    32
#define BIT_GGUF_NAME_MAX 64 /* of a tensor's name with its NUL: llama.cpp's limit */

/* Types of values. */
enum bit_gguf_value {
    BIT_GGUF_VALUE_U8,
    BIT_GGUF_VALUE_I8,
    BIT_GGUF_VALUE_U16,
    BIT_GGUF_VALUE_I16,
    BIT_GGUF_VALUE_U32,
    BIT_GGUF_VALUE_I32,
    BIT_GGUF_VALUE_F32,
    BIT_GGUF_VALUE_BOOL,
    BIT_GGUF_VALUE_TEXT,
    BIT_GGUF_VALUE_ARRAY,
    BIT_GGUF_VALUE_U64,
    BIT_GGUF_VALUE_I64,
    BIT_GGUF_VALUE_F64,
};

/* The pairs, as bytes. A zeroed struct has none. If memory runs out, `failed` is set, and bit_gguf_head returns the
 * error. */
struct bit_gguf_pairs {
    uint8_t *bytes;
    size_t used, room;
    uint64_t count;
    bool failed;
};
void bit_gguf_add_u32(struct bit_gguf_pairs *pairs, const char *key, uint32_t value);
void bit_gguf_add_f32(struct bit_gguf_pairs *pairs, const char *key, float value);
void bit_gguf_add_bool(struct bit_gguf_pairs *pairs, const char *key, bool value);
void bit_gguf_add_text(struct bit_gguf_pairs *pairs, const char *key, const char *text);
void bit_gguf_add_i32s(struct bit_gguf_pairs *pairs, const char *key, const int32_t *values, uint64_t count);
/** An array of `count` texts; each must follow by bit_gguf_append_text. */
void bit_gguf_add_texts(struct bit_gguf_pairs *pairs, const char *key, uint64_t count);
void bit_gguf_append_text(struct bit_gguf_pairs *pairs, const char *text, size_t bytes);
void bit_gguf_pairs_finish(struct bit_gguf_pairs *pairs);

/* A matrix in the file. */
struct bit_gguf_tensor {
    char name[BIT_GGUF_NAME_MAX];
    const struct bit_gguf_layout *layout;
    int64_t rows, cols; /* cols is a multiple of layout->block */
    uint64_t offset;    /* in the data */
};
uint64_t bit_gguf_row_bytes(const struct bit_gguf_tensor *tensor);
uint64_t bit_gguf_tensor_bytes(const struct bit_gguf_tensor *tensor);

/** Set each tensor's offset, in order. Returns the size of the data, rounded up to the alignment. */
uint64_t bit_gguf_lay_out(struct bit_gguf_tensor *tensors, int count);
/** The whole head. *out is heap, the caller's. The same input gives the same bytes. -ENOMEM. */
int bit_gguf_head(const struct bit_gguf_pairs *pairs, const struct bit_gguf_tensor *tensors, int count, uint8_t **out,
                  size_t *bytes);

#endif
