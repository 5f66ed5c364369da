/*
 * The source of a model's first weights (model.init_from), by its kind and files:
 *     FILE         a safetensors file
 *     CHECKPOINT   a bitd checkpoint folder: MANIFEST and model.safetensors
 *     FOLDER       another folder: model.safetensors, or the files that model.safetensors.index.json names
 * The naming of its tensors: proto/ckpt/tensor_names.h.
 */
#ifndef BIT_PROTO_ORIGIN_H
#define BIT_PROTO_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/weight_index.h"
#include "proto/limits.h"

enum bit_origin_kind { BIT_ORIGIN_FILE, BIT_ORIGIN_CHECKPOINT, BIT_ORIGIN_FOLDER };

/* The index of a checkpoint folder's files in InitFacts.file. */
enum bit_origin_file { BIT_ORIGIN_MANIFEST, BIT_ORIGIN_MODEL };

struct bit_origin {
    char path[BIT_PATH_MAX];
    enum bit_origin_kind kind;
    size_t count;
    char name[BIT_WEIGHT_FILES_MAX][BIT_WEIGHT_FILE_NAME_MAX]; /* file names in the folder; unused for FILE */
};

/** Make it a FILE or a CHECKPOINT, with the files of that kind. */
void bit_origin_set(struct bit_origin *o, enum bit_origin_kind kind);
/** Make it a FOLDER with these files. */
void bit_origin_set_files(struct bit_origin *o, const struct bit_weight_index *index);
/**
 * Determine kind and files of o->path, with the rights of this process. Blocking.
 * Errors      BIT_EDATA for a folder without weights; for an index as bit_weight_index_read; -errno
 */
int bit_origin_find(struct bit_origin *o);
/** An origin from its stored InitFacts. Errors: BIT_ECORRUPT if files and names do not agree. */
int bit_origin_take(const Bit__InitFacts *facts, struct bit_origin *out);
/** The path of file i. Errors: -ENAMETOOLONG. */
int bit_origin_path(const struct bit_origin *o, size_t i, char out[BIT_PATH_MAX]);

#endif
