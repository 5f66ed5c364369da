/* A submission: whatever can be found wrong with a run is found before a client is told that there is one. */
#ifndef BIT_DAEMON_SUBMIT_H
#define BIT_DAEMON_SUBMIT_H

#include "daemon/client/connection/client.h"
#include "daemon/sys/argv.h"
#include "proto/text/problems.h"

struct bit_fork_origin;

/**
 * Normalise and check the specification, look at its data, ask bitworker what it takes; then answer a DryRunReply, or
 * make the run and answer a SubmitReply. The same request id answers the run it made the first time.
 */
void bit_submit(struct bit_client *c, const Bit__SubmitRequest *m);
/**
 * The same for a fork, whose specification was made from its parent's. Takes ownership of origin; `notes`, what its
 * changes mean, goes into the reply.
 */
void bit_submit_fork(struct bit_client *c, const Bit__SubmitRequest *m, struct bit_fork_origin *origin,
                     const struct bit_problems *notes);
/* What a specification names was looked at, and it can be trained. s is valid until this returns, and NULL where it was
 * refused, and the client told so, or has gone. */
typedef void bit_submission_looked(void *arg, struct bit_submission *s);
/** Check a submission as bit_submit does, make no run, and tell `looked`, always once. */
void bit_submit_look(struct bit_client *c, const Bit__SubmitRequest *m, bit_submission_looked *looked, void *arg);
/** Its specification, with what was read of its files in it; the caller's from then on. */
Bit__RunSpec *bit_submission_take_spec(struct bit_submission *s);
/** The runs whose end is waited for, by their ids. */
const struct bit_argv *bit_submission_after(const struct bit_submission *s);
/** Write what a run needs of what was proven and looked at into a folder: data.pb, init.pb. Errors: -errno;
 * BIT_ESTATE if what it begins from is going. */
int bit_submission_keep(const struct bit_submission *s, const char *dir);
/** Whether this bitd may train for this client at all. Errors: BIT_EAUTH. */
int bit_submit_check_user(const struct bit_client *c);
/** The client is gone: no answer is sent, and no run is made. NULL is fine. */
void bit_submission_forget(struct bit_submission *s);

#endif
