/*
 * What a launch that is over left of checkpoints without a name: folders step-N.partial-EPOCH. The last launch's is
 * named, if it is whole and this run's; another run's is set aside; whatever else is half is removed. It is done when a
 * job has ended, before the run's next state is journalled, and again before a launch, for a bitd that was killed.
 */
#ifndef BIT_DAEMON_PARTIALS_H
#define BIT_DAEMON_PARTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/bad_checkpoints.h"
#include "daemon/store/claim.h"

struct bit_partials {
    char name[32]; /* of the one that got its name; empty: none */
    struct bit_claim_facts facts;
    struct bit_bad_checkpoints bad;
};

/** On the thread pool; into a zeroed one. Unless may_name, whatever is this run's is removed. */
void bit_partials_settle(const struct bit_claim *c, bool may_name, struct bit_partials *p);
/** On the loop: into the journal. Frees what p holds. */
void bit_partials_record(struct bit_runner *r, struct bit_partials *p);
/** A checkpoint that nobody lived to write down. */
void bit_partials_adopt(struct bit_runner *r, const char *name, const struct bit_claim_facts *facts);

/** The loop goes on with this; the run's folder is as it says above. */
typedef void bit_partials_settled(void *arg);
/**
 * All of it beside the loop; a run that has ended gets no further checkpoint.
 * Errors      -ENOMEM and libuv's; settled is not called then
 */
int bit_partials_start(struct bit_runner *r, bit_partials_settled *settled, void *arg);

#endif
