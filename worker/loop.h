/* Orders in, reports out, until there is nothing left to do. */
#ifndef BIT_WORKER_LOOP_H
#define BIT_WORKER_LOOP_H

#include "worker/link/session.h"
#include "worker/worker.h"

/**
 * Execute orders on all ranks until the daemon said stop and has every rank's word that it is done. session is rank
 * 0's, NULL on the others; beat is theirs. Collective  yes; one outcome for all ranks Errors      what ended it, with
 * worker->comm->failed_rank; rank 0 has not told the daemon yet
 */
int bit_loop_run(struct bit_worker *worker, struct bit_ckpt *ckpt, struct bit_session *session,
                 struct bit_heartbeat *beat);

#endif
