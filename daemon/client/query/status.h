/* The RunStatus of a run, for `bitctl status` and `bitctl ps`. */
#ifndef BIT_DAEMON_STATUS_H
#define BIT_DAEMON_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/runs/runner.h"

#define BIT_STATUS_POINTS_MAX 1024

/* A RunStatus and the storage that it points to. */
struct bit_status {
    Bit__RunStatus message;
    char reason[BIT_RUN_REASON_MAX + 64];
    char *after[BIT_AFTER_MAX];
    Bit__SlurmJob slurm;
    Bit__TaskProgress scoring;
    Bit__ForkStatus fork;
    Bit__CurvePoint *point;
    Bit__CurvePoint **points;
    struct bit_status_guard *guard;     /* anomalies; NULL unless they were added */
    struct bit_status_changes *changes; /* NULL unless there are some, and they were added */
    Bit__RunSpec *spec;                 /* owned; NULL unless it was added */
};

/** The run's state as shown to people: BLOCKED while it waits for the disk or for data, or cannot be launched here. */
Bit__RunState bit_status_state(const struct bit_runner *r);
/**
 * Fill `out` from a run, with at most `points` points of its loss curve.
 * Ownership   borrows from the run: send it at once
 * Errors      -ENOMEM
 */
int bit_status_init(struct bit_status *out, const struct bit_runner *r, uint32_t points);
/**
 * Add the last anomalies and the last changes of settings, at most `most` of each, and their total numbers; skipped
 * steps, rewinds and the last comparison after a restart. Errors: -ENOMEM.
 */
int bit_status_add_history(struct bit_status *s, const struct bit_run *run, size_t most);
/** bit_status_init with all of the history. */
int bit_status_init_whole(struct bit_status *out, const struct bit_runner *r, uint32_t points);
/** Add the specification, with all changes since the submission. Errors: -ENOMEM. */
int bit_status_add_spec(struct bit_status *s, const struct bit_run *run);
void bit_status_finish(struct bit_status *s);
/**
 * Check that a client would accept the message: one invalid status must not spoil a list of all runs.
 * Errors      BIT_EMESSAGE, -ENOMEM
 */
int bit_status_check(const Bit__RunStatus *m);

#endif
