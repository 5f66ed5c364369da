/* A worker without a daemon: what the verbs `bench` and `score` share. */
#ifndef BIT_WORKER_ALONE_H
#define BIT_WORKER_ALONE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_ALONE_SETS_MAX 32

/* Options of the command line that describe the model. */
struct bit_alone_options {
    const char *model;                   /* a preset */
    const char *checkpoint;              /* a folder, whose specification and weights replace the preset's; or NULL */
    const char *set[BIT_ALONE_SETS_MAX]; /* "launch.backend=cpu" */
    int set_count;
    int64_t instances;       /* per step, over all ranks */
    int64_t micro_instances; /* 0: the largest that fits */
};

/** Parse a number from 1 to `most`; -1 if the text is not one. */
int64_t bit_alone_count(const char *text, int64_t most);

/** The specification, normalised, as a daemon's welcome would contain it. *out is the caller's (bit_msg_free). Errors:
 * BIT_ESPEC with the first problem; bit_manifest_read's; -ENOMEM */
int bit_alone_spec(const struct bit_alone_options *options, Bit__RunSpec **out);

/** Replace this process by mpirun, which starts `ranks` ranks of the same command without --ranks; argv[0] is the verb.
 * Returns only on failure. */
int bit_alone_start_ranks(int argc, char **argv, int64_t ranks);

#endif
