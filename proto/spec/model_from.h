/* model.from: the architecture of a model that is there, into the specification of a run that begins from it. */
#ifndef BIT_PROTO_MODEL_FROM_H
#define BIT_PROTO_MODEL_FROM_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/**
 * model.from of a specification that is not normalised, where it has one: the architecture of that folder's MANIFEST or
 * config.json fills model, in place, and init_from becomes the folder if it is not set. A relative path is relative to
 * `directory`. Blocking.
 * Errors      BIT_ESPEC with problems; BIT_EDATA, BIT_ECORRUPT with the problem; -ENOMEM; -errno
 */
int bit_model_from(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems);

#endif
