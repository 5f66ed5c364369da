/* Orders in, reports out, until there is nothing left to do. */
#ifndef BIT_WORKER_LOOP_H
#define BIT_WORKER_LOOP_H

#include "worker/link/session.h"
#include "worker/worker.h"

/**
 * Execute orders on all ranks until the daemon has said stop and has heard from every rank that it is done. session is
 * rank 0's and NULL on the others; beat is the others'.
 * Collective  yes; one outcome for all ranks
 * Errors      what ended it, with worker->comm->failed_rank; rank 0 has not told the daemon yet
 */
int bit_loop_run(struct bit_worker *worker, struct bit_ckpt *ckpt, struct bit_session *session,
                 struct bit_heartbeat *beat);

#endif
