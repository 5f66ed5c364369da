/* What reaches a job from outside: from clients, Slurm, the disk, and a bitd that shuts down. */
#ifndef BIT_DAEMON_CONTROL_H
#define BIT_DAEMON_CONTROL_H

#include <stdint.h>

struct bit_job;

/** The run's state or plan changed: pausing, cancelling, a moved switch, a checkpoint asked for. */
void bit_control_changed(struct bit_job *job);
/** bitd shuts down: take a last checkpoint and stop; a job that cannot do that is ended. */
void bit_control_shutdown(struct bit_job *job);
/** Take a last checkpoint and give the slot back; the run is queued again. `why` is a reason outside bitd. */
void bit_control_leave(struct bit_job *job, const char *why);
/** The disk no longer accepts the run's records, or accepts them again. */
void bit_control_blocked(struct bit_job *job);
void bit_control_unblocked(struct bit_job *job);
/** The earliest step after which the switch may still be planned. */
uint64_t bit_control_earliest_switch(const struct bit_job *job);
/** The boundary at which a checkpoint ordered now would be taken. */
uint64_t bit_control_boundary(const struct bit_job *job);

#endif
