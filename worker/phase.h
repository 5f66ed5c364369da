/* The phase that a rank trains in, and the switch to another one: by every rank, or by none. */
#ifndef BIT_WORKER_PHASE_H
#define BIT_WORKER_PHASE_H

#include "worker/ranks/optim.h"

/** Initial phase: 16-bit, before any update, with the spec's betas. */
void bit_phase_init(Bit__PhaseState *phase, const Bit__OptimizerSpec *spec);

/** A digest of the whole state: equal on two ranks exactly if they are in the same phase. */
uint64_t bit_phase_digest(const Bit__PhaseState *phase);

/* A switch, as broadcast to every rank. */
struct bit_phase_switch {
    uint64_t after_step;
    Bit__Precision precision;
    Bit__OptimizerAtSwitch optimizer;
    double beta1, beta2;
};

/**
 * Apply `sw` at the boundary after step `step`: set precision and betas; with RESET also zero the moments and Adam's
 * count. Fills *report except its phase; phase_digest was compared over all ranks.
 * Collective  yes; every rank changes, or none does
 * Errors      BIT_EPHASE if this is not that boundary, or the phase is the present one: nothing changed. Ranks that
 *             disagree afterwards end in bit_comm_abort().
 */
int bit_phase_apply(Bit__PhaseState *phase, const struct bit_phase_switch *sw, uint64_t step, struct bit_optim *optim,
                    struct bit_comm *comm, int threads, Bit__PhaseSwitched *report);

#endif
