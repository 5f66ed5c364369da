/* The safetensors files of one model, one or several: finds tensors in them by their headers. */
#ifndef BIT_PROTO_WEIGHT_FILES_H
#define BIT_PROTO_WEIGHT_FILES_H

#include "proto/ckpt/safetensors.h"
#include "proto/ckpt/tensor_names.h"
#include "proto/ckpt/weight_index.h"

struct bit_weight_file {
    int fd;     /* owned */
    char *path; /* owned */
    struct bit_safetensors header;
};

/* A tensor and its file. */
struct bit_weight {
    const struct bit_safetensors_entry *entry;
    const struct bit_weight_file *file;
};

/* Begin from {0}. */
struct bit_weight_files {
    struct bit_weight_file file[BIT_WEIGHT_FILES_MAX];
    size_t count;
    struct bit_weight *weight; /* of all files, sorted by name; owned */
    size_t weight_count;
    enum bit_names names;
};

/**
 * Add an open file and read its header. Takes ownership of fd, also on failure.
 * Errors      as bit_safetensors_read; BIT_ELIMIT
 */
int bit_weight_files_add(struct bit_weight_files *w, int fd, const char *path);
/**
 * Call after the last file: checks that no tensor is in two files, and determines the naming scheme.
 * Errors      BIT_ECORRUPT naming tensor and files; -ENOMEM
 */
int bit_weight_files_settle(struct bit_weight_files *w);
/** The tensor of that name, or NULL. Borrowed. */
const struct bit_weight *bit_weight_files_find(const struct bit_weight_files *w, const char *name);
/**
 * Check that a part of one of our tensors is present, with its shape and a readable type (F32, BF16, F16).
 * Errors      BIT_ESPEC with the tensor's name in the file
 */
int bit_weight_files_check(const struct bit_weight_files *w, const struct bit_tensor *tensor,
                           const struct bit_tensor_part *part);
void bit_weight_files_finish(struct bit_weight_files *w);

#endif
