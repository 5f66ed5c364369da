/* What is said of a sweep. */
#ifndef BIT_DAEMON_SWEEP_REPLY_H
#define BIT_DAEMON_SWEEP_REPLY_H

#include <stdbool.h>

#include "daemon/store/sweep_state.h"
#include "proto/bit.pb-c.h"

struct bit_runs;
struct bit_runner;

struct bit_sweep_reply {
    Bit__SweepReply m; /* whose texts are the sweep's, the runs', and those below */
    struct bit_sweep_reply_branch *branch;
    Bit__SweepBranch **list;
    char reason[128];
};

/** As it is now: whole, or as a line of a list. Valid until the sweep or a run changes. Errors: -ENOMEM. */
int bit_sweep_reply_make(const struct bit_sweep *s, const struct bit_runs *runs, bool whole,
                         struct bit_sweep_reply *out);
void bit_sweep_reply_finish(struct bit_sweep_reply *reply);
/** Whether a sweep in this state has ended, for good or bad. */
bool bit_sweep_reply_is_end(Bit__RunState state);

#endif
