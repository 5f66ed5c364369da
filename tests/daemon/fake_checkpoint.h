/* The state that fake workers train instead of a model, and its checkpoints: real ones, with manifest and checksums. */
#ifndef BIT_TESTS_DAEMON_FAKE_CHECKPOINT_H
#define BIT_TESTS_DAEMON_FAKE_CHECKPOINT_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

struct fake_model {
    uint64_t weights, step, optimizer_step;
    Bit__PhaseState phase;
};

struct fake_checkpoint {
    const struct fake_model *model;
    Bit__RunSpec *spec;
    uint64_t epoch;
    uint32_t ranks;
    char *identity; /* NULL: the run has none */
};

/** The digest of both moments. */
uint64_t fake_moments(const struct fake_model *model);
/** Make the folder `partial` and write the checkpoint into it; the manifest names the run $BITD_RUN. Errors: -errno. */
int fake_checkpoint_write(const char *partial, const struct fake_checkpoint *c);
/** Errors: -errno. */
int fake_checkpoint_read(const char *folder, struct fake_model *model);

#endif
