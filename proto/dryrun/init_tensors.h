/* The tensors of safetensors files against those of a model: everything that differs at once. */
#ifndef BIT_PROTO_INIT_TENSORS_H
#define BIT_PROTO_INIT_TENSORS_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/weight_files.h"
#include "proto/text/problems.h"

/**
 * Compare the headers of the files that a normalised model is to begin from, which are settled, with its tensors. By
 * the names that the files have, a tensor that is missing, of another shape or of a type that cannot be read is a
 * problem of model.init_from, and so is one that would make another model of it (a norm's weight, a bias, the head of a
 * tied model, unless head_again: the embedding once more, as config.json says); others that the model has no use for
 * come as notes. What is alike in several blocks is said once.
 * Errors      BIT_ESPEC with problems; -ENOMEM
 */
int bit_init_tensors_check(const struct bit_weight_files *files, const Bit__ModelSpec *model, bool head_again,
                           struct bit_problems *problems, struct bit_problems *notes);

#endif
