/* A worker without a daemon: what the verbs that measure have in common. */
#ifndef BIT_WORKER_ALONE_H
#define BIT_WORKER_ALONE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_ALONE_SETS_MAX 32

/* What a command line says of the model. */
struct bit_alone_options {
    const char *model;                   /* a preset */
    const char *checkpoint;              /* a folder: its specification and weights, instead of the preset's; or NULL */
    const char *set[BIT_ALONE_SETS_MAX]; /* "launch.backend=cpu" */
    int set_count;
    int64_t instances;       /* of a step, over all ranks */
    int64_t micro_instances; /* 0: the largest that fits */
};

/** A number from 1 to `most`, or -1. */
int64_t bit_alone_count(const char *text, int64_t most);

/** The specification that a daemon's welcome would bring, normalised. *out is the caller's (bit_msg_free). Errors:
 * BIT_ESPEC with the first problem; bit_manifest_read's; -ENOMEM */
int bit_alone_spec(const struct bit_alone_options *options, Bit__RunSpec **out);

/** The same command without --ranks, started by mpirun; argv[0] is the verb. Returns only where that fails. */
int bit_alone_start_ranks(int argc, char **argv, int64_t ranks);

#endif
