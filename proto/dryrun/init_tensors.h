/* The tensors of a safetensors file against those of a model: everything that differs at once. */
#ifndef BIT_PROTO_INIT_TENSORS_H
#define BIT_PROTO_INIT_TENSORS_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/**
 * Look into the header of an open safetensors file that a normalised model is to begin from. A tensor that is missing,
 * of another shape or of a type that cannot be read is a problem of model.init_from; what differs alike in several
 * blocks is said once. A file whose names are Hugging Face's or those of allenai's class for it is told by that.
 * Tensors that the model has no use for are no problem, and come as notes.
 * Errors      BIT_ESPEC with problems; as bit_safetensors_read and -ENOMEM, without
 */
int bit_init_tensors_check(int fd, const char *path, const Bit__ModelSpec *model, struct bit_problems *problems,
                           struct bit_problems *notes);

#endif
