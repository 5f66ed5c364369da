/*
 * The proof of a resume. Steps that the journal already holds and that are done again after a restart must come out the
 * same to the bit, from the same weights and moments. Pure.
 */
#ifndef BIT_DAEMON_RERUN_H
#define BIT_DAEMON_RERUN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run/history.h"
#include "proto/chain.h"

struct bit_rerun {
    bool running;      /* something is to be compared */
    bool moments;      /* with the moments that the checkpoint held; they may have been left behind, or converted */
    uint64_t from, to; /* steps; from > to: the restored state alone */
    uint64_t compared; /* up to here */
    uint64_t at;       /* the step of the first difference */
    struct bit_difference first;
    char machines[160]; /* why sums are not comparable; empty: they are */
};

/* What a checkpoint held, as the journal has it. */
struct bit_rerun_state {
    bool has_weights, has_moments;
    uint64_t weights_digest, moments_digest;
};

/**
 * A worker stands after `step`, and the journal goes to `step_max`. `was` is what the checkpoint of that step held;
 * NULL where none was restored.
 */
void bit_rerun_begin(struct bit_rerun *rerun, uint64_t step, uint64_t step_max, const struct bit_rerun_state *was,
                     const Bit__WorkerReady *ready);
/** A step has been done (again); `was` is NULL if its facts are no longer held. machines are those of both times. */
void bit_rerun_step(struct bit_rerun *rerun, uint64_t step, const struct bit_fact *was, const struct bit_fact *is,
                    const struct bit_machine *was_on, const struct bit_machine *is_on);
/** It has come to its end, or to its first difference: tell. */
bool bit_rerun_is_done(const struct bit_rerun *rerun);
/** In words: "step 12: loss 0x… (3.1) was 0x… (3.2)", "bit for bit, steps 11 to 20". */
void bit_rerun_text(const struct bit_rerun *rerun, char *text, size_t room);

#endif
