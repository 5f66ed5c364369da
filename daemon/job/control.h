/* What a job is told from outside: by clients, by Slurm, by the disk, and by a bitd that goes down. */
#ifndef BIT_DAEMON_CONTROL_H
#define BIT_DAEMON_CONTROL_H

#include <stdint.h>

struct bit_job;

/** The run's state or plan changed: pausing, cancelling, a moved switch, a checkpoint asked for. */
void bit_control_changed(struct bit_job *job);
/** bitd goes down: last checkpoint, stop; what cannot is ended. */
void bit_control_shutdown(struct bit_job *job);
/** Take a last checkpoint and give the slot back; the run is queued again. For a reason outside bitd, as `why` says. */
void bit_control_leave(struct bit_job *job, const char *why);
/** The disk does not take the run's records any more, or takes them again. */
void bit_control_blocked(struct bit_job *job);
void bit_control_unblocked(struct bit_job *job);
/** The earliest step after which the switch may still be planned. */
uint64_t bit_control_earliest_switch(const struct bit_job *job);
/** The boundary at which a checkpoint ordered now would be taken. */
uint64_t bit_control_boundary(const struct bit_job *job);

#endif
