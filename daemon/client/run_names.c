#include "daemon/client/run_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/client/client.h"
#include "daemon/store/runs.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

#define LISTED_MAX 8 /* of runs that may be meant */

/* Who asks, and for what. */
struct wanted {
    const char *which;
    uint32_t uid;
    bool own; /* among the user's own runs, or all others */
};

static bool is_named(const struct bit_runner *r, const struct wanted *w)
{
    const char *name = r->run.spec->name;

    return (r->run.uid == w->uid) == w->own && name != NULL && strcmp(name, w->which) == 0;
}

static struct bit_runner *newest_of(const struct bit_runs *runs, uint32_t uid)
{
    for (size_t i = runs->count; i-- > 0;)
        if (runs->runner[i]->run.uid == uid)
            return runs->runner[i];
    return runs->count > 0 ? runs->runner[runs->count - 1] : NULL;
}

static struct bit_runner *find_id(const struct bit_runs *runs, const char *which)
{
    for (size_t i = runs->count; i-- > 0;)
        if (strcmp(runs->runner[i]->run.id, which) == 0)
            return runs->runner[i];
    return NULL;
}

/* How many runs the name may mean; *out is the one if that is 1. */
static size_t choose(const struct bit_runs *runs, const struct wanted *w, struct bit_runner **out)
{
    size_t named = 0, going_on = 0;

    for (size_t i = runs->count; i-- > 0;) {
        struct bit_runner *r = runs->runner[i];
        if (!is_named(r, w))
            continue;
        if (named++ == 0 || (going_on == 0 && !bit_run_ended(&r->run)))
            *out = r;
        going_on += !bit_run_ended(&r->run);
    }
    if (!w->own) /* of other users' runs none is preferred */
        return named;
    return going_on > 0 ? going_on : named > 0;
}

/* "r3 (uid 1000, training), r5 (uid 1001, ended)"; own: those alone that have not ended. */
static void list_meant(const struct bit_runs *runs, const struct wanted *w, char *out, size_t room)
{
    size_t at = 0, listed = 0;

    out[0] = '\0';
    for (size_t i = runs->count; i-- > 0 && at < room;) {
        const struct bit_run *run = &runs->runner[i]->run;
        if (!is_named(runs->runner[i], w) || (w->own && bit_run_ended(run)))
            continue;
        if (listed++ == LISTED_MAX) {
            snprintf(out + at, room - at, ", and older ones");
            return;
        }
        at += (size_t)snprintf(out + at, room - at, "%s%s (uid %u, %s)", listed > 1 ? ", " : "", run->id, run->uid,
                               bit_run_ended(run) ? "ended" : "not ended");
    }
}

static int refuse(const struct bit_runs *runs, const struct wanted *w, size_t meant)
{
    char list[BIT_ERR_TEXT_MAX];

    list_meant(runs, w, list, sizeof list);
    return bit_fail(BIT_EUSAGE, "'%s' is the name of %zu runs%s: %s; say which by its id", w->which, meant,
                    w->own ? " of yours that have not ended" : " of others", list);
}

int bit_run_names_find(const struct bit_runs *runs, const char *which, uint32_t uid, struct bit_runner **out)
{
    struct wanted w = {.which = which, .uid = uid, .own = true};
    struct bit_runner *r = strcmp(which, "@last") == 0 ? newest_of(runs, uid) : find_id(runs, which);
    size_t meant = r != NULL ? 1 : choose(runs, &w, &r);

    if (meant == 0) {
        w.own = false;
        meant = choose(runs, &w, &r);
    }
    if (meant == 0)
        return bit_fail(BIT_ENORUN, "there is no run '%.*s'", bit_format_fit(which, BIT_NAME_MAX), which);
    if (meant > 1)
        return refuse(runs, &w, meant);
    *out = r;
    return 0;
}

struct bit_runner *bit_run_names_asked(struct bit_client *c, const char *which)
{
    struct bit_runner *r = NULL;
    int err = bit_run_names_find(c->all->runs, which, c->peer.uid, &r);

    if (err == 0 && r->removing)
        err = bit_fail(BIT_ENORUN, "%s is being removed", r->run.id);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return NULL;
    }
    return r;
}
