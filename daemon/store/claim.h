/* What a run's journal says of its checkpoints, copied for the thread pool: whether a folder is this run's. */
#ifndef BIT_DAEMON_CLAIM_H
#define BIT_DAEMON_CLAIM_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/run/rewind.h"
#include "daemon/run/run.h"
#include "proto/bit.pb-c.h"

#define BIT_CLAIM_GIVEN_UP 1

struct bit_runner;

struct bit_claim {
    char *folder; /* runs/<id>/checkpoints */
    char run[BIT_RUN_ID_MAX], identity[BIT_RUN_IDENTITY + 1];
    struct bit_run_checkpoint *known; /* those of the journal */
    size_t known_count;
    uint64_t epoch;    /* of the last launch, which is over */
    uint64_t step_max; /* of the journal */
    struct bit_rewinds rewinds;
    Bit__ForkOrigin *fork; /* of a fork: the checkpoint that it begins from is another run's; owned, or NULL */
};

/** Into a zeroed one, which bit_claim_finish takes in every case. -ENOMEM. */
int bit_claim_init(struct bit_claim *c, const struct bit_runner *r);
void bit_claim_finish(struct bit_claim *c);

/**
 * Whether the checkpoint in `path`, by its manifest, is step `step` of this run. That it is whole is not enough:
 * another bitd has a run of this id too, and backups are put back into wrong places. Where the journal knows the step,
 * weights and moments must be the journal's; what an earlier version wrote has no identity, and is known by that alone.
 * Returns     0; BIT_CLAIM_GIVEN_UP if it is ours, but of steps that were given up in a rewind
 * Errors      BIT_ECORRUPT with the reason
 */
int bit_claim_check(const struct bit_claim *c, const char *path, uint64_t step, const Bit__Manifest *m);

/* What the journal keeps of a checkpoint. */
struct bit_claim_facts {
    uint64_t step, bytes, weights_digest, moments_digest;
};
struct bit_claim_facts bit_claim_tell(const Bit__Manifest *m);

#endif
