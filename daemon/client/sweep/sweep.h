/* Sweeps: sets of runs that are submitted as one, and train their common steps only once. */
#ifndef BIT_DAEMON_SWEEP_H
#define BIT_DAEMON_SWEEP_H

#include <stdbool.h>

#include "daemon/client/connection/client.h"

struct bit_sweep;

/** A SweepRequest: all branches are checked, then planned, then made; answered by a SweepReply. */
void bit_sweep_asked(struct bit_client *c, const Bit__SweepRequest *m);
/** A SweepQueryRequest. */
void bit_sweep_query(struct bit_client *c, const Bit__SweepQueryRequest *m);
/** A SweepListRequest. */
void bit_sweep_list(struct bit_client *c, const Bit__SweepListRequest *m);
/** Answer with the present state of a sweep. */
void bit_sweep_answer(struct bit_client *c, const struct bit_sweep *s, bool known, bool dry_run, bool never);

#endif
