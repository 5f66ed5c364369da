/*
 * A private daemon for a test: own folder, own sockets, own token files, fake workers. No test waits for a fixed time:
 * bitd signals when it is ready, and every other wait is a request that bitd answers when its condition is met.
 */
#ifndef BIT_TESTS_DAEMON_FIXTURE_H
#define BIT_TESTS_DAEMON_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/bit.pb-c.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

#define FIX_ANSWER_S 300 /* no answer after this is a failure */
#define FIX_TOKENS   4096
#define FIX_SPEC_MAX 4096

struct fix {
    char dir[64]; /* from tests/folder.h: short enough for a socket's path */
    char state[96], socket[108], tokens[96], eval[96], log[96];
    pid_t bitd; /* 0 while it does not run */
    int notify_fd;
    int starts;
    const char *args[16]; /* further arguments of bitd, NULL at the end */
};

/** Make the folder and the token files. Clears every FAKE_* variable. */
void fix_init(struct fix *f);
/** Kill the daemon and its workers, remove the folder; after a failed expectation print the daemon's log. */
void fix_finish(struct fix *f);
/** Start bitd and return when it listens. false with the reason printed if it does not. */
bool fix_start(struct fix *f);
/** Start bitd and expect it to exit by itself. Returns its exit code. */
int fix_start_refused(struct fix *f);
/** Send bitd a signal and wait until it exits. Returns its exit code, or -signal. */
int fix_stop(struct fix *f, int signal);

/** Wait until bitd exits for another reason. Returns as fix_stop. */
int fix_wait_exit(struct fix *f);

/** Connect to bitd. Reads on the connection fail after FIX_ANSWER_S. */
int fix_connect(const struct fix *f);
/** Send a request on a connection. */
bool fix_send(int fd, uint16_t type, const void *msg);
/** The next frame from a connection: its type and message (bit_msg_free), or 0 if the connection is gone. */
uint16_t fix_receive(int fd, void **msg);
/** Send a request on a new connection and return the answer's type and message. */
uint16_t fix_ask(const struct fix *f, uint16_t type, const void *msg, void **reply);
/** The same, and expect this type of answer. Another is a failed expectation with the daemon's text; returns NULL. */
void *fix_expect(const struct fix *f, uint16_t type, const void *msg, uint16_t expected);
/** The same, and expect a refusal. Returns its exit code and copies its text. */
int fix_refused(const struct fix *f, uint16_t type, const void *msg, char *text, size_t room);

/** A small run: 16 steps of 4 instances of 16 tokens, a checkpoint every 4. `more` overrides it, in text format. */
Bit__RunSpec *fix_spec(const struct fix *f, const char *more);
/** Submit fix_spec(f, more) and copy the run's id to `run`; "" if it was refused. */
void fix_submit(const struct fix *f, const char *more, char run[32]);
/** Submit and expect a refusal. Returns its exit code; copies its text and those of all problems. */
int fix_submit_refused(const struct fix *f, const char *more, char *text, size_t room);

Bit__RunStatus *fix_status(const struct fix *f, const char *run);
/** Wait for the run's end. Returns its exit code, and the digest of its weights if `digest` is not NULL. */
int fix_wait_end(const struct fix *f, const char *run, uint64_t *digest);
void fix_wait_step(const struct fix *f, const char *run, uint64_t step);
void fix_wait_state(const struct fix *f, const char *run, Bit__RunState state);
/** The digest at the end of an undisturbed run of this spec, on its own daemon. */
uint64_t fix_undisturbed(const char *more);

/** Every record of a run's journal, in order, by EventsRequest. */
struct fix_events {
    Bit__JournalRecord **record;
    size_t count;
};
void fix_events(const struct fix *f, const char *run, struct fix_events *out);
void fix_events_free(struct fix_events *e);
/** The number of records of this kind. */
size_t fix_count(const struct fix_events *e, int what_case);
const Bit__JournalRecord *fix_last(const struct fix_events *e, int what_case);

/** Pids of the worker processes of a run (launcher and worker), at most max. */
int fix_workers(const struct fix *f, const char *run, pid_t *pids, int max);
char *fix_path(const struct fix *f, const char *run, const char *rest, char *out, size_t room);

#endif
