/*
 * safetensors: u64 bytes of a JSON text, the text, then the data. The text names each tensor's dtype, shape and range
 * of the data.
 * Source      huggingface/safetensors, README "Format"; the checks are those that its own reader makes, and more
 */
#ifndef BIT_PROTO_SAFETENSORS_H
#define BIT_PROTO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_SAFETENSORS_DIMS_MAX      8
#define BIT_SAFETENSORS_DATA_ALIGN    4096 /* of the files that we write: where their data begins */
#define BIT_SAFETENSORS_METADATA_ROOM 2048 /* kept for __metadata__, so that it moves no data */

struct bit_tensor; /* proto/ckpt/checkpoint.h */

/* What a header says of one tensor. */
struct bit_safetensors_entry {
    char *name;
    char dtype[8]; /* "F32", "BF16", "F16", ... */
    int64_t shape[BIT_SAFETENSORS_DIMS_MAX];
    int dims;
    uint64_t begin, end; /* bytes from the start of the data */
};
struct bit_safetensors {
    struct bit_safetensors_entry *entries; /* in the order of the data */
    size_t count;
    uint64_t data_offset; /* in the file */
};

/**
 * The bytes before the data: u64 length and the JSON, padded with spaces so that the data begins at a multiple of
 * BIT_SAFETENSORS_DATA_ALIGN. Where that is depends on the tensors alone. metadata is a JSON object of texts; NULL:
 * {"format":"pt"}. *out is heap, the caller's. The same arguments give the same bytes.
 * Errors      -ENOMEM; BIT_ELIMIT if metadata is longer than BIT_SAFETENSORS_METADATA_ROOM
 */
int bit_safetensors_print(const struct bit_safetensors_entry *entries, size_t count, const char *metadata,
                          uint8_t **out, size_t *bytes);
/** The same of a file of fp32 tensors that lie as in the flat vector. */
int bit_safetensors_header(const struct bit_tensor *tensors, int count, const char *metadata, uint8_t **out,
                           size_t *bytes);
/** The same of tensors of either type. */
int bit_safetensors_header_of(const struct bit_tensor *tensors, int count, Bit__Operands type, const char *metadata,
                              uint8_t **out, size_t *bytes);

/**
 * Parse the header of a safetensors file of file_bytes whose first `bytes` bytes are in buf (the whole header).
 * Checks: the length within the format's 100 MB and the file; nesting of four at most and BIT_SAFETENSORS_ENTRIES_MAX
 * tensors before anything is allocated; no name twice; known dtypes; shape products without overflow; end - begin equal
 * to product times size; ranges contiguous from 0 to the file's end, without hole or overlap.
 * *out is finished by the caller, untouched on failure.
 * Errors      BIT_ECORRUPT with the tensor's name and the reason; BIT_ELIMIT; -ENOMEM; -EINVAL if buf lacks a part of
 * the header
 */
int bit_safetensors_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_safetensors *out);
/** The same from an open file, of which only the header is read. path is for the error's text. Also -errno. */
int bit_safetensors_read(int fd, const char *path, struct bit_safetensors *out);
/** The tensor of that name, or NULL. Borrowed. */
const struct bit_safetensors_entry *bit_safetensors_find(const struct bit_safetensors *s, const char *name);
void bit_safetensors_finish(struct bit_safetensors *s);

#endif
