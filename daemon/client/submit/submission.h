/* One submission, from the request to its answer: what was asked for, and the results of the checks so far. */
#ifndef BIT_DAEMON_SUBMISSION_H
#define BIT_DAEMON_SUBMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/client/connection/client.h"
#include "daemon/launch/sbatch_answer.h"
#include "daemon/sys/lists/argv.h"
#include "daemon/sys/user_threads.h"
#include "proto/dryrun/token_look.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/text/problems.h"

struct bit_feed;
struct bit_fork_origin;
struct bit_init_from;
struct bit_proof;

/* Called when all checks have passed. s is valid during the call only; NULL if the client was refused or has gone. */
typedef void bit_submission_looked(void *arg, struct bit_submission *s);

struct bit_submission {
    struct bit_user_task looking;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_client *client; /* NULL if it has gone */
    Bit__RunSpec *spec;
    char request_id[BIT_REQUEST_ID_MAX + 1];
    uint32_t uid;
    bool dry_run, paused, proving, looks;
    int32_t priority;
    struct bit_argv after;           /* in the form of the journal */
    struct bit_proof *proof;         /* of a submitter who is not this bitd's user; else NULL */
    struct bit_feed *feed;           /* the proven files, which are opened again at each launch */
    struct bit_init_from *init_from; /* of model.init_from; else NULL */
    struct bit_fork_origin *fork;    /* where a fork begins; else NULL */
    struct bit_token_look tokens;
    struct bit_problems problems, notes; /* about the files that it names */
    int err;
    char text[BIT_ERR_TEXT_MAX];
    enum bit_sbatch_answer slurm; /* of launcher SBATCH: whether Slurm would accept its job, and why not */
    char slurm_text[BIT_ERR_TEXT_MAX];
    bit_submission_looked *looked; /* called after the checks instead of making a run; NULL: make the run */
    void *looked_arg;
};

/** Takes ownership of `spec`, which passed bit_submit_check, and sets c->submission. NULL: -ENOMEM, nothing is
 * taken. */
struct bit_submission *bit_submission_create(struct bit_client *c, const Bit__SubmitRequest *m, Bit__RunSpec *spec);
/** Free it. If `looked` was not called yet, it is called with NULL. */
void bit_submission_destroy(struct bit_submission *s);
/** Refuse the client, if it is still there, and destroy the submission. */
void bit_submission_refuse(struct bit_submission *s, int err, const char *text);
/** The client has gone: no answer is sent, and no run is made. NULL is fine. */
void bit_submission_forget(struct bit_submission *s);

/** Its specification, completed by what was read from its files. The caller owns it. */
Bit__RunSpec *bit_submission_take_spec(struct bit_submission *s);
/** Write what a run needs of the proof and the checks into a folder: data.pb, init.pb. Errors: -errno; BIT_ESTATE if
 * the checkpoint that it begins from was removed. */
int bit_submission_keep(const struct bit_submission *s, const char *dir);

#endif
