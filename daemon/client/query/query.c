#include "daemon/client/query/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/client/connection/run_names.h"
#include "daemon/client/query/run_filter.h"
#include "daemon/client/query/status.h"
#include "daemon/store/checkpoints/bad_checkpoints.h"
#include "daemon/store/known_products.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/sockets/listener.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include <config.h> /* the build's, not one of bitd's folders */

BIT_LOG_TOPIC("query");

#define LIST_MAX  4096 /* runs in one answer, the newest */
#define KNOWN_MAX 64   /* cards with known products in one answer */

void bit_query_status(struct bit_client *c, const Bit__StatusRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);
    struct bit_status status;

    if (r == NULL)
        return;
    const bool spec = m->has_spec && m->spec;
    int err = bit_status_init_whole(&status, r, m->has_points ? m->points : 0);
    if (err == 0 && spec && r->spec_lost)
        err = bit_fail(BIT_ECORRUPT, "%s", r->run.reason);
    if (err == 0 && spec)
        err = bit_status_add_spec(&status, &r->run);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        bit_status_finish(&status);
        return;
    }
    bit_client_send(c, BIT_MSG_RUN_STATUS, &status.message);
    bit_status_finish(&status);
    bit_client_end(c);
}

/* False for a run that is being removed, or without a job whose folder was removed by hand. With a job it is listed, as
 * blocked. */
static bool may_list(const struct bit_runner *r)
{
    return !r->removing && !bit_run_names_is_gone(r);
}

/* What `ps` lists without --all. A damaged run is listed until somebody removes it, because it did not end. */
static bool goes_on(const struct bit_runner *r)
{
    return r->corrupt || !bit_run_ended(&r->run);
}

/* Selects at most the newest LIST_MAX runs, oldest first, because an answer is one frame. */
static size_t select_runs(const struct bit_runs *runs, const Bit__ListRequest *m, struct bit_runner **out)
{
    const bool all = (m->has_all && m->all) || bit_run_filter_wants_ended(m);
    size_t count = 0;

    for (size_t i = runs->count; i-- > 0 && count < LIST_MAX;)
        if ((all || goes_on(runs->runner[i])) && may_list(runs->runner[i]) && bit_run_filter_holds(m, runs->runner[i]))
            out[count++] = runs->runner[i];
    for (size_t i = 0; i < count / 2; i++) {
        struct bit_runner *swapped = out[i];
        out[i] = out[count - 1 - i];
        out[count - 1 - i] = swapped;
    }
    return count;
}

static void send_list(struct bit_client *c, struct bit_runner **runners, size_t count, struct bit_status *status,
                      Bit__RunStatus **messages)
{
    size_t bytes = 0, first = count;

    for (size_t i = count; i-- > 0;) {
        if (bit_status_init(&status[i], runners[i], 0) < 0 ||
            bit_status_add_history(&status[i], &runners[i]->run, 1) < 0)
            break;
        status[i].message.n_held_out = 0; /* a line of a list has no room for them */
        if (bit_status_check(&status[i].message) < 0) {
            bit_error("run not listed", "run=%s text=%s", runners[i]->run.id, bit_fail_text());
            continue;
        }
        bytes += bit__run_status__get_packed_size(&status[i].message) + 8;
        if (bytes > BIT_FRAME_BODY_MAX)
            break;
        messages[--first] = &status[i].message;
    }
    Bit__ListReply m = BIT__LIST_REPLY__INIT;
    m.run = messages + first;
    m.n_run = count - first;
    bit_client_send(c, BIT_MSG_LIST_REPLY, &m);
    bit_client_end(c);
    for (size_t i = 0; i < count; i++)
        bit_status_finish(&status[i]);
}

void bit_query_list(struct bit_client *c, const Bit__ListRequest *m)
{
    const struct bit_runs *runs = c->all->runs;
    size_t room = BIT_MIN(runs->count, (size_t)LIST_MAX) + 1;
    struct bit_runner **runners = calloc(room, sizeof *runners);
    struct bit_status *status = calloc(room, sizeof *status);
    Bit__RunStatus **messages = calloc(room, sizeof *messages);

    if (runners == NULL || status == NULL || messages == NULL)
        bit_client_refuse(c, -ENOMEM, "a list of runs");
    else if (bit_run_filter_check(m) < 0)
        bit_client_refuse(c, BIT_EUSAGE, "%s", bit_fail_text());
    else
        send_list(c, runners, select_runs(runs, m, runners), status, messages);
    free(messages);
    free(status);
    free(runners);
}

static bool is_there(const struct bit_runner *r, const char *name)
{
    char path[BIT_CONFIG_PATH_MAX + 128];

    snprintf(path, sizeof path, "%s/checkpoints/%s", r->dir, name);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

struct listing {
    Bit__CheckpointInfo info;
    char path[BIT_CONFIG_PATH_MAX + 128];
};

static void fill_listing(struct listing *out, const struct bit_runner *r, const struct bit_run_checkpoint *from)
{
    bit__checkpoint_info__init(&out->info);
    snprintf(out->path, sizeof out->path, "%s/checkpoints/%s", r->dir, from->name);
    out->info.name = bit_lend(from->name);
    out->info.path = out->path;
    out->info.step = from->step;
    out->info.precision = from->precision;
    out->info.bytes = from->bytes;
    out->info.time_ns = from->time_ns;
    out->info.weights_digest = from->weights_digest;
    out->info.has_pre_switch = true;
    out->info.pre_switch = r->run.switched && from->step == r->run.switched_after;
    out->info.has_pinned = true;
    out->info.pinned = from->pinned;
}

/*
 * Journals checkpoints that somebody removed by hand, and sends a note that names them; but only if nothing else writes
 * the run's journal. While the run has a job, a checkpoint that is being rewritten may be missing for a moment, and the
 * next launch checks anyway.
 */
static void forget_missing(struct bit_client *c, struct bit_runner *r)
{
    const bool quiet = r->job == NULL && !r->corrupt && !r->given_up && !bit_runner_is_blocked(r);
    char name[sizeof r->run.checkpoints.list->name], note[BIT_RUN_NOTE_MAX] = "";

    for (size_t i = quiet ? r->run.checkpoints.count : 0; i-- > 0;) {
        snprintf(name, sizeof name, "%s", r->run.checkpoints.list[i].name);
        if (is_there(r, name))
            continue;
        bit_format_more(note, sizeof note, "%s%s", note[0] ? ", " : "", name);
        bit_bad_checkpoints_record_one(r, name, "the folder is not there");
    }
    bit_format_more(note, sizeof note, "%s", note[0] ? ": no longer exists, and was not removed by bitd" : "");
    if (note[0] != '\0')
        bit_client_note(c, note);
}

void bit_query_checkpoints(struct bit_client *c, const Bit__CheckpointListRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);

    if (r == NULL)
        return;
    forget_missing(c, r);
    size_t count = BIT_MIN(r->run.checkpoints.count, (size_t)512), skipped = r->run.checkpoints.count - count;
    struct listing *listing = calloc(count + 1, sizeof *listing);
    Bit__CheckpointInfo **infos = calloc(count + 1, sizeof *infos);
    Bit__CheckpointListReply reply = BIT__CHECKPOINT_LIST_REPLY__INIT;
    for (size_t i = 0; listing != NULL && infos != NULL && i < count; i++) {
        if (!is_there(r, r->run.checkpoints.list[skipped + i].name))
            continue;
        fill_listing(&listing[i], r, &r->run.checkpoints.list[skipped + i]);
        infos[reply.n_checkpoint++] = &listing[i].info;
    }
    reply.checkpoint = infos;
    bit_client_send(c, BIT_MSG_CHECKPOINT_LIST_REPLY, &reply);
    bit_client_end(c);
    free(infos);
    free(listing);
}

struct known {
    Bit__KnownProducts card[KNOWN_MAX], *list[KNOWN_MAX];
    char text[KNOWN_MAX][BIT_PRODUCT_MAKER_TEXT];
    size_t count;
};

static void list_known(const struct bit_product_set *set, struct known *out)
{
    struct bit_product_view view;

    out->count = 0;
    for (size_t at = 0; out->count < KNOWN_MAX && bit_product_set_next(set, &at, &view); out->count++) {
        Bit__KnownProducts *card = out->list[out->count] = &out->card[out->count];
        bit__known_products__init(card);
        bit_product_maker_text(&view.maker, out->text[out->count]);
        card->card = out->text[out->count];
        card->products = (uint32_t)view.count;
        card->not_first = (uint32_t)bit_product_view_not_first(&view);
    }
}

void bit_query_version(struct bit_client *c, const Bit__VersionRequest *m)
{
    char *sockets[BIT_COUNT(c->all->listeners)];
    struct bit_product_set set;
    struct known known;
    size_t rss = 0;

    bit_known_products_read(c->all->env->config->state, &set);
    list_known(&set, &known);
    bit_product_set_finish(&set);
    uv_resident_set_memory(&rss);
    Bit__VersionReply reply = BIT__VERSION_REPLY__INIT;
    reply.version = bit_lend(BIT_VERSION);
    reply.commit = bit_lend(BIT_COMMIT);
    reply.protocol = BIT_PROTOCOL_VERSION;
    reply.pid = (uint32_t)getpid();
    reply.state_dir = bit_lend(c->all->env->config->state);
    reply.rss_bytes = rss;
    for (size_t i = 0; i < BIT_COUNT(c->all->listeners); i++)
        if (bit_listener_listens(c->all->listeners[i]))
            sockets[reply.n_socket++] = bit_lend(c->all->listeners[i]->place.path);
    reply.socket = sockets;
    reply.n_product = known.count;
    reply.product = known.list;
    bit_client_send(c, BIT_MSG_VERSION_REPLY, &reply);
    bit_client_end(c);
}
