/*
 * model.safetensors.index.json, which lists the files of its folder that hold a model's weights.
 *     {"metadata": {...}, "weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors", ...}}
 * Only the file names are used: which tensor is in which file is read from the files' own headers.
 * Source      huggingface/transformers, "Sharded checkpoints"
 */
#ifndef BIT_PROTO_WEIGHT_INDEX_H
#define BIT_PROTO_WEIGHT_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define BIT_WEIGHT_INDEX         "model.safetensors.index.json"
#define BIT_WEIGHT_FILES_MAX     64  /* of one model */
#define BIT_WEIGHT_FILE_NAME_MAX 128 /* with its NUL */

struct bit_weight_index {
    char name[BIT_WEIGHT_FILES_MAX][BIT_WEIGHT_FILE_NAME_MAX]; /* sorted, each once */
    size_t count;                                              /* at least 1 */
};

/**
 * Parse an index. path is for the error's text. A name must be that of a file in the same folder: without a slash, and
 * not beginning with a dot. *out is untouched on failure.
 * Errors      BIT_ECORRUPT; BIT_ELIMIT; -ENOMEM
 */
int bit_weight_index_parse(const char *text, size_t bytes, const char *path, struct bit_weight_index *out);
/** The same for an open file with status *st. Also -errno. */
int bit_weight_index_read(int fd, const char *path, const struct stat *st, struct bit_weight_index *out);
/** 0, or BIT_ECORRUPT if `name` is not valid for a file of a model. */
int bit_weight_index_check_name(const char *path, const char *name);

#endif
