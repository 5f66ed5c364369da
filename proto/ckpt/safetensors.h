/*
 * safetensors: the u64 length of a JSON text, the text, then the data. The text has each tensor's dtype, shape and
 * range of the data.
 * Source      huggingface/safetensors, README "Format"; all checks of its own reader are made, and more
 */
#ifndef BIT_PROTO_SAFETENSORS_H
#define BIT_PROTO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_SAFETENSORS_DIMS_MAX      8
#define BIT_SAFETENSORS_DATA_ALIGN    4096 /* in files that bitd writes, the data begins at a multiple of this */
#define BIT_SAFETENSORS_METADATA_ROOM 2048 /* reserved for __metadata__, so that its length does not move the data */

struct bit_tensor; /* proto/ckpt/checkpoint.h */

/* A header's entry for one tensor. */
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
 * Make the bytes before the data: u64 length and the JSON, padded with spaces so that the data begins at a multiple of
 * BIT_SAFETENSORS_DATA_ALIGN. This offset depends only on the tensors. metadata is a JSON object of texts; NULL:
 * {"format":"pt"}. *out is heap, the caller's. The same arguments give the same bytes.
 * Errors      -ENOMEM; BIT_ELIMIT if metadata is longer than BIT_SAFETENSORS_METADATA_ROOM
 */
int bit_safetensors_print(const struct bit_safetensors_entry *entries, size_t count, const char *metadata,
                          uint8_t **out, size_t *bytes);
/** The same for a file of fp32 tensors with the layout of the flat vector. */
int bit_safetensors_header(const struct bit_tensor *tensors, int count, const char *metadata, uint8_t **out,
                           size_t *bytes);
/** The same for tensors of either type. */
int bit_safetensors_header_of(const struct bit_tensor *tensors, int count, Bit__Operands type, const char *metadata,
                              uint8_t **out, size_t *bytes);

/**
 * Parse the header of a safetensors file of file_bytes whose first `bytes` bytes are in buf (the whole header).
 * Checks: the length within the format's 100 MB and the file; nesting of four at most and BIT_SAFETENSORS_ENTRIES_MAX
 * tensors before anything is allocated; no name twice; known dtypes; shape products without overflow; end - begin equal
 * to product times size; ranges contiguous from 0 to the file's end, without hole or overlap.
 * *out is finished by the caller, untouched on failure.
 * Errors      BIT_ECORRUPT with the tensor's name and the reason; BIT_ELIMIT; -ENOMEM; -EINVAL if buf lacks a part of
 *             the header
 */
int bit_safetensors_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_safetensors *out);
/** The same for an open file, of which only the header is read. path is for the error's text. Also -errno. */
int bit_safetensors_read(int fd, const char *path, struct bit_safetensors *out);
/** The tensor of that name, or NULL. Borrowed. */
const struct bit_safetensors_entry *bit_safetensors_find(const struct bit_safetensors *s, const char *name);
void bit_safetensors_finish(struct bit_safetensors *s);

#endif
