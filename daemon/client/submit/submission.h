/* One submission, from the request to its answer: what was asked for, and what was found of it on the way. */
#ifndef BIT_DAEMON_SUBMISSION_H
#define BIT_DAEMON_SUBMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/client/connection/client.h"
#include "daemon/launch/sbatch_answer.h"
#include "daemon/sys/argv.h"
#include "daemon/sys/user_threads.h"
#include "proto/dryrun/token_look.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/text/problems.h"

struct bit_feed;
struct bit_fork_origin;
struct bit_init_from;
struct bit_proof;

/* What a specification names was looked at, and it can be trained. s is valid until this returns, and NULL where it was
 * refused, and the client told so, or has gone. */
typedef void bit_submission_looked(void *arg, struct bit_submission *s);

struct bit_submission {
    struct bit_user_task looking;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_client *client; /* NULL when it has gone */
    Bit__RunSpec *spec;
    char request_id[BIT_REQUEST_ID_MAX + 1];
    uint32_t uid;
    bool dry_run, paused, proving, looks;
    int32_t priority;
    struct bit_argv after;           /* as the journal has it */
    struct bit_proof *proof;         /* of a submitter who is not this bitd's user */
    struct bit_feed *feed;           /* what was proven; opened again when the run is launched */
    struct bit_init_from *init_from; /* of model.init_from, if there is one */
    struct bit_fork_origin *fork;    /* where it begins, if it is a fork */
    struct bit_token_look tokens;
    struct bit_problems problems, notes; /* of what it names */
    int err;
    char text[BIT_ERR_TEXT_MAX];
    enum bit_sbatch_answer slurm; /* of SBATCH: whether Slurm would take its job, and why not */
    char slurm_text[BIT_ERR_TEXT_MAX];
    bit_submission_looked *looked; /* who is told instead of a run being made; NULL: nobody */
    void *looked_arg;
};

/** Of a specification that the rules allow, which it owns from then on. It is the client's. NULL: -ENOMEM. */
struct bit_submission *bit_submission_create(struct bit_client *c, const Bit__SubmitRequest *m, Bit__RunSpec *spec);
/** It is over: who was to be told of a look is told that nothing came of it. */
void bit_submission_destroy(struct bit_submission *s);
/** The client, if it is still there, is refused; ends the submission. */
void bit_submission_refuse(struct bit_submission *s, int err, const char *text);
/** The client is gone: no answer is sent, and no run is made. NULL is fine. */
void bit_submission_forget(struct bit_submission *s);

/** Its specification, with what was read of its files in it; the caller's from then on. */
Bit__RunSpec *bit_submission_take_spec(struct bit_submission *s);
/** Write what a run needs of what was proven and looked at into a folder: data.pb, init.pb. Errors: -errno;
 * BIT_ESTATE if what it begins from is going. */
int bit_submission_keep(const struct bit_submission *s, const char *dir);

#endif
