/*
 * Examines a job that makes no progress: which rank holds it up, and where. All ranks are asked for their stacks
 * (SIGUSR2, which the launcher passes on); those that still can write them to the job's log. The findings go into
 * logs/hang-<attempt>.txt: every rank's step, section and silence, what /proc says of the processes on this machine,
 * and the stacks. Then the job is ended, with that rank as the cause. A report that arrives meanwhile ends the
 * examination instead: the step was slow, not hung.
 */
#ifndef BIT_DAEMON_EXAMINE_H
#define BIT_DAEMON_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/run/ranks/stack_marks.h"

struct bit_job;

struct bit_examine {
    uv_timer_t limit;
    uv_fs_event_t change; /* of the log */
    bool on;
    int64_t suspect; /* a silent rank, or -1: not known yet */
    char why[192];
    uint64_t from, taken; /* bytes of the log: before the stacks, and read after that */
    struct bit_stack_marks marks;
};

/** Begin, unless it has begun. */
void bit_examine_start(struct bit_job *job, int64_t suspect, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** A step was reported after all, or the job ends for another reason. */
void bit_examine_stop(struct bit_job *job);

#endif
