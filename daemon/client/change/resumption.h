/*
 * What must be known before a resume is journalled: the results of the run's steps, a checkpoint that verifies, and
 * whether the token files are unchanged. It is found out on a thread of the user who asks.
 */
#ifndef BIT_DAEMON_RESUMPTION_H
#define BIT_DAEMON_RESUMPTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/feed/file_identity.h"
#include "daemon/run/run.h"
#include "daemon/store/checkpoints/claim.h"
#include "daemon/sys/user_threads.h"
#include "proto/bit.pb-c.h"

struct bit_client;
struct bit_runner;
struct bit_runs;

struct bit_resumption {
    struct bit_user_task looking;
    struct bit_runs *runs;
    struct bit_client *client; /* NULL when it has gone */
    Bit__ResumeRequest *ask;

    /* The run as it was when this began; meanwhile it may change or be removed. */
    char run[BIT_RUN_ID_MAX];
    uint64_t number, seq, journal_bytes;
    char *dir, *facts; /* its folder; data.pb in it */
    Bit__RunSpec *spec;
    bool ended;
    struct bit_claim claim;
    atomic_bool stop; /* never set: a comparison is not interrupted */

    /* The results. */
    struct bit_run replayed; /* of a run that had ended: with the results of its steps */
    bool has_replayed;
    uint64_t from;
    char checkpoint[32]; /* empty: from the beginning */
    struct bit_file_changes changes;
    int err;
    char text[BIT_ERR_TEXT_MAX];
};

/** Of this run as it is now, for the client's request. NULL: no memory. */
struct bit_resumption *bit_resumption_create(struct bit_client *c, const struct bit_runner *r,
                                             const Bit__ResumeRequest *m);
/** NULL is fine. */
void bit_resumption_destroy(struct bit_resumption *s);
/** Find out. `done` is called on the loop, with s as the task's data; it destroys s. */
void bit_resumption_start(struct bit_resumption *s, void (*done)(struct bit_user_task *task));
/** The client has gone. NULL is fine. */
void bit_resumption_forget(struct bit_resumption *s);

#endif
