/* Where a fork begins: its parent's checkpoint and journal, read off the loop. */
#ifndef BIT_DAEMON_FORK_ORIGIN_H
#define BIT_DAEMON_FORK_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/checkpoints/claim.h"
#include "proto/bit.pb-c.h"

struct bit_runner;

struct bit_fork_origin {
    /* The parent when this was created, and the request. */
    char *dir;
    uint64_t number, journal_bytes;
    struct bit_claim claim;
    bool compare;          /* nothing differs from the parent: the fork's steps must come out the same */
    bool same_data;        /* the token files are the parent's */
    Bit__Operands moments; /* the fork's type; moments of another type are converted */

    /* The result; the texts of `m` point into the members below. */
    Bit__ForkOrigin m;
    char run[BIT_RUN_ID_MAX], checkpoint[32], owner[BIT_RUN_ID_MAX], identity[BIT_RUN_IDENTITY + 1];
    Bit__RunChanged **later; /* of m; owned */
    Bit__ForkFacts *facts;   /* heap, including its packed arrays; NULL with weights_only */
};

/**
 * On the heap, for this run after this step, of which it has a checkpoint. `fork` is the fork's specification; NULL if
 * it begins at step 1. NULL: no memory.
 */
struct bit_fork_origin *bit_fork_origin_create(const struct bit_runner *parent, uint64_t step,
                                               const Bit__RunSpec *fork);
/** NULL is fine. */
void bit_fork_origin_destroy(struct bit_fork_origin *o);
/**
 * Read the checkpoint to its last byte, and from the journal the parent's state at that step. From any thread.
 * Errors      BIT_ECORRUPT, BIT_ESTATE, -errno, with the reason
 */
int bit_fork_origin_look(struct bit_fork_origin *o);

#endif
