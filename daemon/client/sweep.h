/* Sweeps: sets of runs that are submitted as one, and share what they have in common. */
#ifndef BIT_DAEMON_SWEEP_H
#define BIT_DAEMON_SWEEP_H

#include "daemon/client/client.h"

/** A SweepRequest: checked whole, then planned, then made; answered by a SweepReply. */
void bit_sweep_asked(struct bit_client *c, const Bit__SweepRequest *m);
/** A SweepQueryRequest. */
void bit_sweep_query(struct bit_client *c, const Bit__SweepQueryRequest *m);
/** A SweepListRequest. */
void bit_sweep_list(struct bit_client *c, const Bit__SweepListRequest *m);
/** A SweepChangeRequest. */
void bit_sweep_change(struct bit_client *c, const Bit__SweepChangeRequest *m);
/** A SweepWaitRequest. */
void bit_sweep_wait(struct bit_client *c, const Bit__SweepWaitRequest *m);

#endif
