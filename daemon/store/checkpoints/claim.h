/* What a run's journal says of its checkpoints, copied for the thread pool, to tell whether a folder is its own. */
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
    struct bit_run_checkpoint *known; /* those in the journal */
    size_t known_count;
    uint64_t epoch;    /* of the last launch, which is over */
    uint64_t step_max; /* of the journal */
    struct bit_rewinds rewinds;
    Bit__ForkOrigin *fork; /* of a fork: the checkpoint that it begins from carries another run's id; owned, or NULL */
};

/** Fill a zeroed one; call bit_claim_finish even on failure. -ENOMEM. */
int bit_claim_init(struct bit_claim *c, const struct bit_runner *r);
void bit_claim_finish(struct bit_claim *c);

/**
 * Whether the checkpoint in `path` is, by its manifest, step `step` of this run. A complete checkpoint may still be
 * another run's: another bitd may have a run of the same id, and backups may be restored to wrong places. If the
 * journal has the step, weights and moments must match it. A checkpoint of an earlier version has no identity and is
 * recognised by the journal alone.
 * Returns     0; BIT_CLAIM_GIVEN_UP if it is this run's, but of steps that were given up in a rewind
 * Errors      BIT_ECORRUPT with the reason
 */
int bit_claim_check(const struct bit_claim *c, const char *path, uint64_t step, const Bit__Manifest *m);

/* What the journal keeps of a checkpoint. */
struct bit_claim_facts {
    uint64_t step, bytes, weights_digest, moments_digest;
};
struct bit_claim_facts bit_claim_tell(const Bit__Manifest *m);

#endif
