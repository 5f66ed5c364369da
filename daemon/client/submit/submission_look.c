#include "daemon/client/submit/submission_look.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/client/submit/proof.h"
#include "daemon/client/submit/submission.h"
#include "daemon/feed/feed.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "proto/check.h"
#include "proto/dryrun/task_look.h"
#include "proto/err.h"

/* Checks model.init_from, if it is set. */
static int look_at_init(struct bit_submission *s)
{
    char runs[BIT_CONFIG_PATH_MAX + 16];
    const char *from = s->spec->model->init_from;

    if (from == NULL || from[0] == '\0')
        return 0;
    s->init_from = calloc(1, sizeof *s->init_from);
    if (s->init_from == NULL)
        return bit_fail(-ENOMEM, "model.init_from");
    snprintf(runs, sizeof runs, "%s/runs", s->env->config->state);
    return bit_init_look(s->spec->model, s->proof != NULL ? bit_proof_init(s->proof) : NULL, runs, &s->problems,
                         &s->notes, s->init_from);
}

static int look_at_tokens(struct bit_submission *s)
{
    struct bit_token_shown shown;
    size_t count;

    if (s->proof == NULL)
        return bit_token_look(s->spec, NULL, true, &s->problems, &s->tokens);
    shown = (struct bit_token_shown){bit_proof_files(s->proof, &count), bit_proof_sidecars(s->proof)};
    int err = bit_proof_check(s->proof);
    return err < 0 ? err : bit_token_look(s->spec, &shown, true, &s->problems, &s->tokens);
}

/* After look_at_tokens, which checks the proof. */
static int look_at_tasks(struct bit_submission *s)
{
    size_t count;

    return bit_task_look(s->spec, s->proof != NULL ? bit_proof_files(s->proof, &count) : NULL, true, &s->problems);
}

/* Opens the files that another user proved, because their identities are kept with the run. */
static int open_proven(struct bit_submission *s)
{
    const struct bit_file_id *sidecars = bit_proof_sidecars(s->proof);
    size_t count;
    const struct bit_file_id *proven = bit_proof_files(s->proof, &count);
    int err = bit_feed_create(s->spec, &s->feed);

    if (err == 0) /* without the last ones, request files, whose digests are in the specification by now */
        err = bit_feed_prove(s->feed, proven, count - s->spec->eval->n_task);
    if (err < 0)
        return err;
    bit_feed_weigh(s->feed, s->spec, sidecars);
    return bit_feed_note_checksums(s->feed, sidecars);
}

static int look_at_fork(struct bit_submission *s)
{
    return s->fork != NULL ? bit_fork_origin_look(s->fork) : 0;
}

static bool is_last(int err)
{
    return err == BIT_EAUTH || err == -ENOMEM;
}

int bit_submission_look(struct bit_submission *s)
{
    static int (*const look[])(struct bit_submission *) = {look_at_init, look_at_tokens, look_at_tasks, look_at_fork};
    int err = 0;

    for (size_t i = 0; i < BIT_COUNT(look) && !is_last(err); i++) {
        int of_these = look[i](s);
        if (of_these < 0 && (err == 0 || is_last(of_these)))
            err = of_these;
    }
    return err == 0 && s->proof != NULL ? open_proven(s) : err;
}
