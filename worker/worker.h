/* The life of a rank: from the daemon's welcome to its state, ready to train. */
#ifndef BIT_WORKER_WORKER_H
#define BIT_WORKER_WORKER_H

#include "worker/ckpt/ckpt.h"
#include "worker/ranks/worker_state.h"

/**
 * Plan, allocate, and either restore welcome->restore or initialise (model.init_from, or random).
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_EMEMORY, BIT_ECORRUPT, BIT_ESPEC, -errno, ...
 */
int bit_worker_init(struct bit_worker *worker, struct bit_comm *comm, const Bit__Welcome *welcome, const char *run,
                    struct bit_sections *sections);
/** Takes a zeroed worker too. Its checkpoints must be finished already. */
void bit_worker_finish(struct bit_worker *worker);

/** Fill the ready message, which answers a daemon's welcome. Texts are borrowed from the worker and `backend`.
 * Collective. */
void bit_worker_ready(struct bit_worker *worker, const struct bit_ckpt *ckpt, Bit__WorkerReady *ready,
                      char backend[BIT_WORKER_BACKEND_BYTES]);

#endif
