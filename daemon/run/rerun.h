/*
 * The proof of a resume: steps that the journal already holds and that are repeated after a restart must give the same
 * bits, from the same weights and moments. Pure.
 */
#ifndef BIT_DAEMON_RERUN_H
#define BIT_DAEMON_RERUN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run/history.h"
#include "proto/chain.h"

struct bit_rerun {
    bool running;      /* there is something to compare */
    bool moments;      /* the checkpoint's moments are compared, too; they may have been dropped or converted */
    uint64_t from, to; /* steps; from > to: only the restored state is compared */
    uint64_t compared; /* up to here */
    uint64_t at;       /* the step of the first difference */
    struct bit_difference first;
    char machines[160]; /* why sums are not comparable; empty: they are */
};

/* What the journal says a checkpoint holds. */
struct bit_rerun_state {
    bool has_weights, has_moments;
    uint64_t weights_digest, moments_digest;
};

/**
 * A worker is ready after `step`, and the journal goes to `step_max`. `was` is what the journal has of the restored
 * checkpoint; NULL if none was restored.
 */
void bit_rerun_begin(struct bit_rerun *rerun, uint64_t step, uint64_t step_max, const struct bit_rerun_state *was,
                     const Bit__WorkerReady *ready);
/** A step was repeated. `was` is NULL if its facts are no longer held. was_on, is_on: the machines of both times. */
void bit_rerun_step(struct bit_rerun *rerun, uint64_t step, const struct bit_fact *was, const struct bit_fact *is,
                    const struct bit_machine *was_on, const struct bit_machine *is_on);
/** Whether the comparison is at its end or at its first difference, so that it can be reported. */
bool bit_rerun_is_done(const struct bit_rerun *rerun);
/** The result as text: "step 12: loss 0x… (3.1) was 0x… (3.2)", "bit for bit, steps 11 to 20". */
void bit_rerun_text(const struct bit_rerun *rerun, char *text, size_t room);

#endif
