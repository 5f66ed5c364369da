/* The SweepReply of a sweep: its state and its branches. */
#ifndef BIT_DAEMON_SWEEP_REPLY_H
#define BIT_DAEMON_SWEEP_REPLY_H

#include <stdbool.h>

#include "daemon/store/sweeps/sweep_state.h"
#include "proto/bit.pb-c.h"

struct bit_runs;
struct bit_runner;

struct bit_sweep_reply {
    Bit__SweepReply m; /* borrows texts of the sweep and of the runs */
    struct bit_sweep_reply_branch *branch;
    Bit__SweepBranch **list;
    char reason[128];
};

/** Make it, whole or as a line of a list. Valid until the sweep or a run changes. Errors: -ENOMEM. */
int bit_sweep_reply_make(const struct bit_sweep *s, const struct bit_runs *runs, bool whole,
                         struct bit_sweep_reply *out);
void bit_sweep_reply_finish(struct bit_sweep_reply *reply);
/** Whether a sweep in this state has ended. */
bool bit_sweep_reply_is_end(Bit__RunState state);

#endif
