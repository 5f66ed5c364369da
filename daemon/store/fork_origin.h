/* Where a fork would begin: its parent's checkpoint and journal, read beside the loop. */
#ifndef BIT_DAEMON_FORK_ORIGIN_H
#define BIT_DAEMON_FORK_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/claim.h"
#include "proto/bit.pb-c.h"

struct bit_runner;

struct bit_fork_origin {
    /* The parent as it was when this began, and what is asked for. */
    char *dir;
    uint64_t number, journal_bytes;
    struct bit_claim claim;
    bool compare;          /* nothing is changed: its steps are to come out the same */
    bool same_data;        /* the token files are the parent's */
    Bit__Operands moments; /* of the fork: of another type than the checkpoint's they are converted */

    /* What was found; the texts of `m` are the next ones. */
    Bit__ForkOrigin m;
    char run[BIT_RUN_ID_MAX], checkpoint[32], owner[BIT_RUN_ID_MAX], identity[BIT_RUN_IDENTITY + 1];
    Bit__RunChanged **later; /* of m; owned */
    Bit__ForkFacts *facts;   /* heap, packed arrays and all; NULL with weights_only */
};

/** On the heap: of this run, after this step, of which it has a checkpoint. NULL: no memory. */
struct bit_fork_origin *bit_fork_origin_create(const struct bit_runner *parent, uint64_t step);
/** NULL is fine. */
void bit_fork_origin_destroy(struct bit_fork_origin *o);
/**
 * Read the checkpoint to its last byte, and the journal for what the parent was at that step. From any thread.
 * Errors      BIT_ECORRUPT, BIT_ESTATE, -errno, with the reason
 */
int bit_fork_origin_look(struct bit_fork_origin *o);

#endif
