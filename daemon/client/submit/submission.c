#include "daemon/client/submit/submission.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/client/submit/proof.h"
#include "daemon/feed/feed.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/retention/beginnings.h"
#include "proto/wire/msg.h"

struct bit_submission *bit_submission_create(struct bit_client *c, const Bit__SubmitRequest *m, Bit__RunSpec *spec)
{
    struct bit_submission *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->env = c->all->env;
    s->runs = c->all->runs;
    s->client = c;
    s->spec = spec;
    s->uid = c->peer.uid;
    s->dry_run = m->has_dry_run && m->dry_run;
    s->paused = m->has_paused && m->paused;
    s->priority = m->has_priority ? m->priority : 0;
    snprintf(s->request_id, sizeof s->request_id, "%s", m->request_id);
    c->submission = s;
    return s;
}

void bit_submission_destroy(struct bit_submission *s)
{
    if (s->looked != NULL) /* refused, or the client has gone */
        s->looked(s->looked_arg, NULL);
    if (s->client != NULL)
        s->client->submission = NULL;
    bit_proof_destroy(s->proof);
    bit_feed_destroy(s->feed);
    bit_fork_origin_destroy(s->fork);
    bit_argv_finish(&s->after);
    free(s->init_from);
    bit_msg_free(s->spec);
    free(s);
}

void bit_submission_forget(struct bit_submission *s)
{
    if (s == NULL)
        return;
    s->client = NULL;
    if (s->proving) /* the proof needs the client */
        bit_submission_destroy(s);
    else if (s->looks && bit_user_threads_abandon(&s->looking))
        bit_submission_destroy(s); /* other pending steps end by themselves and destroy it then */
}

void bit_submission_refuse(struct bit_submission *s, int err, const char *text)
{
    if (s->client != NULL)
        bit_client_refuse(s->client, err, "%s", text);
    bit_submission_destroy(s);
}

Bit__RunSpec *bit_submission_take_spec(struct bit_submission *s)
{
    Bit__RunSpec *spec = s->spec;

    s->spec = NULL;
    return spec;
}

int bit_submission_keep(const struct bit_submission *s, const char *dir)
{
    char data[BIT_CONFIG_PATH_MAX + 64], init[BIT_CONFIG_PATH_MAX + 64];
    int err = s->init_from != NULL ? bit_beginnings_check(s->runs, s->init_from->origin.path) : 0;

    snprintf(data, sizeof data, "%s/data.pb", dir);
    snprintf(init, sizeof init, "%s/init.pb", dir);
    if (err == 0 && s->proof != NULL)
        err = bit_feed_keep(s->feed, data);
    if (err == 0 && s->init_from != NULL)
        err = bit_init_from_keep(s->init_from, init);
    return err;
}
