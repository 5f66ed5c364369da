/* The worker's main loop: orders in, reports out, until the launch ends. */
#ifndef BIT_WORKER_LOOP_H
#define BIT_WORKER_LOOP_H

#include "worker/link/session.h"
#include "worker/worker.h"

/**
 * Execute orders on all ranks until the daemon has ordered the stop and knows that every rank is done. session is rank
 * 0's and NULL on the others; beat is used by the others.
 * Collective  yes; one outcome for all ranks
 * Errors      what ended the loop, with worker->comm->failed_rank; rank 0 has not reported it to the daemon yet
 */
int bit_loop_run(struct bit_worker *worker, struct bit_ckpt *ckpt, struct bit_session *session,
                 struct bit_heartbeat *beat);

#endif
