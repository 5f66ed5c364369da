/* model.from: copies the architecture of an existing model into the specification of a run that begins from it. */
#ifndef BIT_PROTO_MODEL_FROM_H
#define BIT_PROTO_MODEL_FROM_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/**
 * If a specification that is not yet normalised has model.from, fill `model` in place with the architecture of that
 * folder's MANIFEST or config.json, and set init_from to the folder if it is not set. A relative path is relative to
 * `directory`. Blocking.
 * Errors      BIT_ESPEC with problems; BIT_EDATA, BIT_ECORRUPT with the problem; -ENOMEM; -errno
 */
int bit_model_from(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems);

#endif
