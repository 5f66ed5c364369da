#include "daemon/client/connection/run_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/client/connection/client.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/text/nearest.h"
#include "proto/wire/msg.h"

#define LISTED_MAX 8 /* runs listed in a message */

/* What is searched for. */
struct wanted {
    const char *which;
    uint32_t uid;
    bool own; /* search the user's own runs; else all others */
};

/* The runs with the name: how many, and the newest. going_on: those that have not ended. */
struct named {
    size_t count, going_on;
    struct bit_runner *newest, *newest_going_on;
};

static bool is_named(const struct bit_runner *r, const struct wanted *w)
{
    const char *name = r->run.spec->name;

    return (r->run.uid == w->uid) == w->own && !r->removing && name != NULL && strcmp(name, w->which) == 0;
}

static struct named count_named(const struct bit_runs *runs, const struct wanted *w)
{
    struct named n = {0};

    for (size_t i = runs->count; i-- > 0;) {
        struct bit_runner *r = runs->runner[i];
        if (!is_named(r, w))
            continue;
        if (n.count++ == 0)
            n.newest = r;
        if (!bit_run_ended(&r->run) && n.going_on++ == 0)
            n.newest_going_on = r;
    }
    return n;
}

/* ---- messages about several runs */

/* "r3 (uid 1000, not ended), r5 (uid 1001, ended)"; going_on: only those that have not ended. */
static void list_meant(const struct bit_runs *runs, const struct wanted *w, bool going_on, char *out, size_t room)
{
    size_t listed = 0;

    out[0] = '\0';
    for (size_t i = runs->count; i-- > 0;) {
        const struct bit_run *run = &runs->runner[i]->run;
        if (!is_named(runs->runner[i], w) || (going_on && bit_run_ended(run)))
            continue;
        if (listed++ == LISTED_MAX) {
            bit_format_more(out, room, ", and older ones");
            return;
        }
        bit_format_more(out, room, "%s%s (uid %u, %s)", listed > 1 ? ", " : "", run->id, run->uid,
                        bit_run_ended(run) ? "ended" : "not ended");
    }
}

static int refuse_several(const struct bit_runs *runs, const struct wanted *w, const struct named *n, bool going_on)
{
    char list[BIT_ERR_TEXT_MAX];

    list_meant(runs, w, going_on, list, sizeof list);
    return bit_fail(BIT_EUSAGE, "'%s' is the name of %zu runs%s%s: %s; give the id of one", w->which,
                    going_on ? n->going_on : n->count, w->own ? " of yours" : " of others",
                    going_on ? " that have not ended" : "", list);
}

static void note_several(const struct bit_runs *runs, const struct wanted *w, const struct named *n,
                         const struct bit_runner *chosen, char note[BIT_RUN_NOTE_MAX])
{
    size_t listed = 0;

    bit_format(note, BIT_RUN_NOTE_MAX, "%zu runs%s are called %s: ", n->count, w->own ? " of yours" : "", w->which);
    for (size_t i = runs->count; i-- > 0 && listed <= LISTED_MAX;) {
        if (!is_named(runs->runner[i], w))
            continue;
        bit_format_more(note, BIT_RUN_NOTE_MAX, "%s%s", listed > 0 ? ", " : "",
                        listed == LISTED_MAX ? "..." : runs->runner[i]->run.id);
        listed++;
    }
    bit_format_more(note, BIT_RUN_NOTE_MAX, "; this is %s", chosen->run.id);
}

/* ---- search */

static int choose(const struct bit_runs *runs, const struct wanted *w, const struct named *n, enum bit_run_use use,
                  struct bit_runner **out, char note[BIT_RUN_NOTE_MAX])
{
    if (n->count == 1) {
        *out = n->newest;
        return 0;
    }
    /* Among other users' runs none is preferred for a change. */
    if (use == BIT_RUN_REMOVE || (use == BIT_RUN_CHANGE && (!w->own || n->going_on != 1)))
        return refuse_several(runs, w, n, use == BIT_RUN_CHANGE && w->own && n->going_on > 1);
    *out = n->newest_going_on != NULL ? n->newest_going_on : n->newest;
    note_several(runs, w, n, *out, note);
    return 0;
}

static int find_last(const struct bit_runs *runs, uint32_t uid, enum bit_run_use use, struct bit_runner **out)
{
    const struct bit_runner *other = NULL;

    for (size_t i = runs->count; i-- > 0;) {
        struct bit_runner *r = runs->runner[i];
        if (r->removing)
            continue;
        if (r->run.uid == uid && use == BIT_RUN_REMOVE)
            return bit_fail(BIT_EUSAGE, "'@last' may be another run a moment later: give its id, which is %s now",
                            r->run.id);
        if (r->run.uid == uid) {
            *out = r;
            return 0;
        }
        if (other == NULL)
            other = r;
    }
    if (other == NULL)
        return bit_fail(BIT_ENORUN, "there is no run yet");
    return bit_fail(BIT_ENORUN,
                    "uid %u has no run, and '@last' is your own newest run; the newest of other users is "
                    "%s",
                    uid, other->run.id);
}

static struct bit_runner *find_id(const struct bit_runs *runs, const char *which)
{
    for (size_t i = runs->count; i-- > 0;)
        if (strcmp(runs->runner[i]->run.id, which) == 0)
            return runs->runner[i];
    return NULL;
}

/* The user's own names come first, because the first of equally near names is kept. */
static int refuse_none(const struct bit_runs *runs, const struct wanted *w)
{
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, w->which, strlen(w->which));
    for (int own = 1; own >= 0; own--)
        for (size_t i = runs->count; i-- > 0;) {
            const struct bit_runner *r = runs->runner[i];
            if ((r->run.uid == w->uid) != own || r->removing)
                continue;
            if (r->run.spec->name != NULL)
                bit_nearest_offer(&nearest, r->run.spec->name);
            bit_nearest_offer(&nearest, r->run.id);
        }
    const char *meant = bit_nearest_name(&nearest);
    return bit_fail(BIT_ENORUN, "there is no run '%.*s'%s%s%s", bit_format_fit(w->which, BIT_NAME_MAX), w->which,
                    meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

int bit_run_names_find(const struct bit_runs *runs, const char *which, uint32_t uid, enum bit_run_use use,
                       struct bit_runner **out, char note[BIT_RUN_NOTE_MAX])
{
    struct wanted w = {.which = which, .uid = uid, .own = true};

    note[0] = '\0';
    if (strcmp(which, "@last") == 0)
        return find_last(runs, uid, use, out);
    struct bit_runner *by_id = find_id(runs, which);
    if (by_id != NULL) {
        *out = by_id;
        return 0;
    }
    struct named n = count_named(runs, &w);
    if (n.count == 0) {
        w.own = false;
        n = count_named(runs, &w);
    }
    return n.count == 0 ? refuse_none(runs, &w) : choose(runs, &w, &n, use, out, note);
}

/* ---- for a client */

bool bit_run_names_is_gone(const struct bit_runner *r)
{
    return r->job == NULL && access(r->dir, F_OK) < 0 && errno == ENOENT;
}

static int check_there(const struct bit_runner *r)
{
    if (r->removing)
        return bit_fail(BIT_ENORUN, "%s is being removed", r->run.id);
    if (bit_run_names_is_gone(r))
        return bit_fail(BIT_ENORUN, "%s is gone: its folder %s was removed, and not by bitd (`bitctl rm` does it)",
                        r->run.id, r->dir);
    return 0;
}

/* The run that this request changed, among those that `which` can mean. NULL if none. */
static struct bit_runner *find_changed(const struct bit_runs *runs, const char *which, uint32_t uid,
                                       const char *request_id)
{
    const bool last = strcmp(which, "@last") == 0;

    for (size_t i = runs->count; i-- > 0;) {
        struct bit_runner *r = runs->runner[i];
        const char *name = r->run.spec->name;
        const bool meant = last ? r->run.uid == uid : name != NULL && strcmp(name, which) == 0;
        if (meant && bit_run_find_applied(&r->run, request_id) != NULL)
            return r;
    }
    return NULL;
}

static struct bit_runner *refuse_unless_there(struct bit_client *c, struct bit_runner *r)
{
    int err = check_there(r);

    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    return err < 0 ? NULL : r;
}

struct bit_runner *bit_run_names_asked(struct bit_client *c, const char *which, enum bit_run_use use)
{
    struct bit_runner *r = NULL;
    char note[BIT_RUN_NOTE_MAX];
    int err = bit_run_names_find(c->all->runs, which, c->peer.uid, use, &r, note);

    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    r = err < 0 ? NULL : refuse_unless_there(c, r);
    if (r != NULL && note[0] != '\0')
        bit_client_note(c, note);
    return r;
}

struct bit_runner *bit_run_names_to_change(struct bit_client *c, const char *which, const char *request_id)
{
    const struct bit_runs *runs = c->all->runs;
    struct bit_runner *r = find_id(runs, which) ? NULL : find_changed(runs, which, c->peer.uid, request_id);

    return r != NULL ? refuse_unless_there(c, r) : bit_run_names_asked(c, which, BIT_RUN_CHANGE);
}
