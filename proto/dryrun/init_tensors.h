/* Compares the tensors of safetensors files with those of a model, and reports all differences at once. */
#ifndef BIT_PROTO_INIT_TENSORS_H
#define BIT_PROTO_INIT_TENSORS_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/weight_files.h"
#include "proto/text/problems.h"

/**
 * Compare the headers of the files from which a normalised model begins (after bit_weight_files_settle) with its
 * tensors, by the files' naming scheme. Problems of model.init_from are a tensor that is missing, of another shape or
 * of a type that cannot be read, and a tensor that would change the model: a norm's weight, a bias, the head of a tied
 * model. Other tensors that the model does not use become notes. Equal findings in several blocks are reported once.
 * head_again  the head of a tied model is allowed: config.json says that it repeats the embedding
 * Errors      BIT_ESPEC with problems; -ENOMEM
 */
int bit_init_tensors_check(const struct bit_weight_files *files, const Bit__ModelSpec *model, bool head_again,
                           struct bit_problems *problems, struct bit_problems *notes);

#endif
