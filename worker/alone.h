/* A worker without a daemon: what the verbs `bench` and `score` share. */
#ifndef BIT_WORKER_ALONE_H
#define BIT_WORKER_ALONE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_comm;

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

/** Add an assignment of the command line. -1: there are too many. */
int bit_alone_set(struct bit_alone_options *options, const char *assignment);

/** What a verb does on every rank. */
typedef int bit_alone_verb(struct bit_comm *comm, void *options);
/**
 * The main function of a verb whose options are parsed: MPI, a communicator, the verb. With ranks > 1, this process
 * becomes mpirun, which starts them with the same command without --ranks; argv[0] is the verb. Rank 0 prints an error
 * after `name`, "bitworker bench". Returns the exit code.
 */
int bit_alone_main(const char *name, int argc, char **argv, int64_t ranks, bit_alone_verb *verb, void *options);

#endif
