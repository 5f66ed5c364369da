/* What a model begins from (model.init_from): a safetensors file with its tensors, or a checkpoint folder of ours. */
#ifndef BIT_PROTO_INIT_FILE_H
#define BIT_PROTO_INIT_FILE_H

#include <sys/stat.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"

/* Which file of a folder InitFacts.file has where. Of a single file it has that one. */
enum bit_origin_file { BIT_ORIGIN_MANIFEST, BIT_ORIGIN_MODEL };

/** The tensor is there, of its shape, and of a type that can be read (F32, BF16, F16). Errors: BIT_ESPEC naming it. */
int bit_init_file_check_entry(const char *path, const struct bit_tensor *tensor,
                              const struct bit_safetensors_entry *entry);
/**
 * The open file is the one that bitd looked at when the run was submitted. The device is not compared: every node has
 * numbers of its own.
 * Errors      BIT_EDATA
 */
int bit_init_file_check_same(const char *path, const struct stat *st, const Bit__InitFile *then);

#endif
