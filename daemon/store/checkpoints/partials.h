/*
 * Checkpoints without a name that a finished launch left: folders step-N.partial-EPOCH. One of the last launch gets its
 * name if it is complete and this run's; one that is another run's is set aside; all other partial folders are removed.
 * This is done when a job has ended, before the run's next state is journalled, and again before a launch, in case bitd
 * was killed.
 */
#ifndef BIT_DAEMON_PARTIALS_H
#define BIT_DAEMON_PARTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/checkpoints/bad_checkpoints.h"
#include "daemon/store/checkpoints/claim.h"

struct bit_partials {
    char name[32]; /* of the one that was named; empty: none */
    struct bit_claim_facts facts;
    struct bit_bad_checkpoints bad;
};

/** On the thread pool; p is zeroed. Unless may_name, all partial folders of this run are removed. */
void bit_partials_settle(const struct bit_claim *c, bool may_name, struct bit_partials *p);
/** On the loop: journal the result. Frees what p holds. */
void bit_partials_record(struct bit_runner *r, struct bit_partials *p);
/** Journal a checkpoint that is complete but has no record, because bitd was killed before writing it. */
void bit_partials_adopt(struct bit_runner *r, const char *name, const struct bit_claim_facts *facts);

/** Called on the loop, when the run's folder is as described above. */
typedef void bit_partials_settled(void *arg);
/**
 * Settle and record, off the loop; a run that has ended gets no further checkpoint.
 * Errors      -ENOMEM and libuv's; settled is not called then
 */
int bit_partials_start(struct bit_runner *r, bit_partials_settled *settled, void *arg);

#endif
