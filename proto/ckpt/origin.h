/*
 * What a model begins from (model.init_from), by its kind and files:
 *     FILE         a safetensors file
 *     CHECKPOINT   a checkpoint folder of ours: MANIFEST and model.safetensors
 *     FOLDER       another folder: model.safetensors, or the files that model.safetensors.index.json names
 * Whose names the tensors have: proto/ckpt/tensor_names.h.
 */
#ifndef BIT_PROTO_ORIGIN_H
#define BIT_PROTO_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/weight_index.h"
#include "proto/limits.h"

enum bit_origin_kind { BIT_ORIGIN_FILE, BIT_ORIGIN_CHECKPOINT, BIT_ORIGIN_FOLDER };

/* Which file of a checkpoint folder InitFacts.file has where. */
enum bit_origin_file { BIT_ORIGIN_MANIFEST, BIT_ORIGIN_MODEL };

struct bit_origin {
    char path[BIT_PATH_MAX];
    enum bit_origin_kind kind;
    size_t count;
    char name[BIT_WEIGHT_FILES_MAX][BIT_WEIGHT_FILE_NAME_MAX]; /* in the folder; of FILE unused */
};

/** It is one file, or a checkpoint folder. */
void bit_origin_set(struct bit_origin *o, enum bit_origin_kind kind);
/** It is a folder with these files. */
void bit_origin_set_files(struct bit_origin *o, const struct bit_weight_index *index);
/**
 * Find out what lies at o->path, as who we are may read it. Blocking.
 * Errors      BIT_EDATA for a folder without weights; of an index: bit_weight_index_read's; -errno
 */
int bit_origin_find(struct bit_origin *o);
/** What was kept of one. Errors: BIT_ECORRUPT where files and names do not agree. */
int bit_origin_take(const Bit__InitFacts *facts, struct bit_origin *out);
/** Where file i lies. Errors: -ENAMETOOLONG. */
int bit_origin_path(const struct bit_origin *o, size_t i, char out[BIT_PATH_MAX]);

#endif
