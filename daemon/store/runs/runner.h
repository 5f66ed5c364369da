/* One run as the daemon holds it: its state, its journal, and its job while it has one. */
#ifndef BIT_DAEMON_RUNNER_H
#define BIT_DAEMON_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/run/run.h"
#include "daemon/store/journal/journal.h"
#include "daemon/sys/env.h"

struct bit_tensorboard;
struct bit_job;
struct bit_runner;
struct bit_runs;

/* What a run reports to the owner of the table of runs, which is the first argument. */
struct bit_runner_ops {
    /* Something visible has changed: clients that wait for the run must look again. */
    void (*changed)(void *owner, struct bit_runner *r);
    /* The disk no longer accepts the run's records, or accepts them again. */
    void (*blocked)(void *owner, struct bit_runner *r);
    void (*unblocked)(void *owner, struct bit_runner *r);
    /* Nothing more can be written for the run: its job, if any, must be ended now. err: 0, or why the run failed. */
    void (*unwritable)(void *owner, struct bit_runner *r, int err, const char *why);
    /* A slot is free or a run is queued: start what may start. */
    void (*schedule)(void *owner);
};

struct bit_runner {
    const struct bit_env *env;
    struct bit_runs *runs; /* the table that it is in */
    struct bit_run run;
    char *dir; /* STATE/runs/r7 */
    struct bit_journal journal;
    struct bit_job *job;                 /* NULL unless the run holds a slot */
    struct bit_tensorboard *tensorboard; /* TensorBoard scalars of this launch, or NULL */
    bool corrupt;                        /* the journal or spec.pb is damaged: nothing may be appended */
    bool spec_lost;                      /* corrupt, and run.spec has defaults in place of the run's specification */
    char withheld[BIT_ERR_TEXT_MAX];     /* why this bitd does not launch it although it is queued; empty: it may */
    bool given_up; /* a record could not be encoded: the run has failed, and the record of that is its last */
    bool removing; /* its folder is being removed: the run must not be used */
    bool leaving;  /* freed when the present sync has ended */
    bool syncing;  /* an fdatasync is on the thread pool */
    uv_work_t sync_work;
    bool sync_wanted;    /* something was appended; otherwise only the file's name is checked */
    uint64_t sync_bytes; /* of the journal, when it began */
    int sync_err, look_err;

    /* Records that the disk did not accept, in order. While there are any, the run stands still. */
    struct bit_runner_pending {
        uint8_t *bytes;
        size_t size;
    } * pending;
    size_t pending_count;
    char blocked[160]; /* why */
    uv_timer_t retry;
};

/** For bit_runner_create and bit_runner_load: a run without journal, whose folder need not exist. NULL: no memory. */
struct bit_runner *bit_runner_new(struct bit_runs *runs, uint64_t number, Bit__RunSpec *spec);
/**
 * Make a run's folder, with its specification and an empty journal. Takes ownership of spec in every case. Errors:
 * -errno.
 */
int bit_runner_create(struct bit_runs *runs, uint64_t number, Bit__RunSpec *spec, struct bit_runner **out);
/**
 * Replay the run in STATE/runs/r<number>. A damaged one is loaded as failed, with where it is damaged as its reason.
 * Errors: -errno, -ENOMEM.
 */
int bit_runner_load(struct bit_runs *runs, uint64_t number, struct bit_runner **out);
/** Freed once the loop has closed its handle and a sync in progress has ended. It must have no job. */
void bit_runner_destroy(struct bit_runner *r);

/**
 * Number, date, journal and apply a record, and report the change. If the disk does not accept it, the run is blocked
 * until it does: the record is applied, but no answer includes it yet. A record that cannot be encoded (too large, or
 * with NaN) fails the run instead, with that reason, and its job is ended; later records of this run are dropped.
 */
void bit_runner_record(struct bit_runner *r, Bit__JournalRecord *record);
/** The same for a client's request that must be confirmed: on failure nothing has happened. Errors: -errno. */
int bit_runner_try_record(struct bit_runner *r, Bit__JournalRecord *record);
/* A record in one line: bit_record(r, LOST, lost, &m). The kind and the field are those of JournalRecord's `what`. */
#define BIT_RECORD(KIND, field_, message)                                                                              \
    (&(Bit__JournalRecord){.base = PROTOBUF_C_MESSAGE_INIT(&bit__journal_record__descriptor),                          \
                           .what_case = BIT__JOURNAL_RECORD__WHAT_##KIND,                                              \
                           .field_ = (message)})
#define bit_record(r, KIND, field_, message)     bit_runner_record(r, BIT_RECORD(KIND, field_, message))
#define bit_try_record(r, KIND, field_, message) bit_runner_try_record(r, BIT_RECORD(KIND, field_, message))

/** StateChanged, with a reason. */
void bit_runner_set_state(struct bit_runner *r, Bit__RunState state, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/**
 * The same for a client's request, which is part of the record, so that neither is journalled without the other.
 * Errors: as bit_runner_try_record.
 */
int bit_runner_try_state(struct bit_runner *r, Bit__RunState state, Bit__Mutation *asked, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/** StateChanged FAILED. */
void bit_runner_fail(struct bit_runner *r, int exit_code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool bit_runner_is_blocked(const struct bit_runner *r);
/** Queued, but not to be launched by this bitd at present (`withheld` says why). */
bool bit_runner_is_withheld(const struct bit_runner *r);
/** Report that this run has changed. */
void bit_runner_changed(struct bit_runner *r);
/** Stop the run until the disk accepts its records. */
void bit_runner_block(struct bit_runner *r, const char *why);

/** A path below the run's folder, heap; NULL: no memory. */
char *bit_runner_path(const struct bit_runner *r, const char *rest);

/** Whether the run is of bitd's own user or of root, who have all of bitd's rights. */
bool bit_runner_is_own(const struct bit_runner *r);

#endif
