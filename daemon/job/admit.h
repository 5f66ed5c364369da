/* Who may take a job's link: rank 0, which gets the orders, and the other ranks, which only send heartbeats. */
#ifndef BIT_DAEMON_ADMIT_H
#define BIT_DAEMON_ADMIT_H

#include "daemon/link/worker_link.h"

/** Called by the link listener, for all jobs: its argument is the struct bit_jobs. */
extern const struct bit_worker_link_ops bit_admit_link_ops;

#endif
