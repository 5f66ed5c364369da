#include "ctl/client/run_curves.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/smooth.h"
#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_line.h"
#include "ctl/client/run_status.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"

/* The longest chain of forks that is followed. */
#define PARENTS_MAX 1024

/* A run, and the last of its steps that is read: of a parent, the step of the fork. */
struct part {
    char run[BIT_RUN_ID_MAX];
    uint64_t from; /* steps up to here are those of its parent */
    uint64_t until, link;
};

/* A curve while it is read. */
struct gather {
    struct bit_thin thin;
    struct bit_smooth smooth;
    uint64_t last; /* step of the last value */
    bool any;
};

struct reading {
    struct bit_cli *cli;
    const struct bit_curve_wish *wish;
    size_t count;
    const struct bit_run_curves_bounds *bounds;
    struct bit_run_curves *curves;
    struct gather *gather;
    struct part *part; /* the earliest ancestor first */
    size_t parts;
    bool steps; /* some curve has a value at every step */

    /* of the part that is being read */
    struct bit_run_line line;
    Bit__EventsRequest ask;
    uint64_t last_seq;   /* last record of the journal when it was first read */
    unsigned beginnings; /* launches that trained, rewinds and resumes */
    int err;
};

/* ---- status */

int bit_run_curves_open(struct bit_cli *cli, const char *run, struct bit_run_curves *out)
{
    *out = (struct bit_run_curves){.switch_after = UINT64_MAX};
    int code = bit_run_status_ask(cli, run, true, &out->status);
    if (code != 0)
        return code;
    const Bit__RunStatus *s = out->status;
    if (s->has_switched && s->switched && s->has_switch_after)
        out->switch_after = s->switch_after;
    if (s->spec != NULL && s->spec->batch != NULL && s->spec->model != NULL)
        out->step_tokens = (uint64_t)s->spec->batch->instances * s->spec->model->context;
    return 0;
}

void bit_run_curves_finish(struct bit_run_curves *curves)
{
    for (size_t i = 0; i < curves->count; i++)
        free(curves->curve[i].point);
    free(curves->curve);
    bit_msg_free(curves->status);
    *curves = (struct bit_run_curves){.count = 0};
}

void bit_run_curves_tell(const struct bit_cli *cli, const struct bit_run_curves *curves)
{
    if (curves->gone_until > 0 && !cli->quiet)
        bit_show(stderr,
                 "bitctl: %s begins after step %" PRIu64 ": the steps before are those of %s, which no longer exists\n",
                 curves->status->run, curves->gone_until, curves->gone);
}

/* ---- the parents */

/* The fork's origin; NULL if no steps come from a parent: a run that took only the weights begins at step 1. */
static const Bit__ForkOrigin *origin_of(const Bit__RunStatus *status)
{
    const Bit__ForkOrigin *o = status->fork != NULL ? status->fork->origin : NULL;

    return o == NULL || (o->has_weights_only && o->weights_only) ? NULL : o;
}

static int add_part(struct reading *r, const Bit__RunStatus *run, uint64_t until, uint64_t link)
{
    const Bit__ForkOrigin *origin = origin_of(run);
    struct part *grown = realloc(r->part, (r->parts + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a run's parents");
    r->part = grown;
    memmove(grown + 1, grown, r->parts++ * sizeof *grown);
    grown[0] = (struct part){.until = until, .link = link, .from = origin != NULL ? origin->step : 0};
    snprintf(grown[0].run, sizeof grown[0].run, "%s", run->run);
    return 0;
}

static void lose_parent(struct bit_run_curves *curves, const char *run, uint64_t until)
{
    curves->gone_until = until;
    snprintf(curves->gone, sizeof curves->gone, "%s", run);
}

/* The status of a parent; NULL with 0 if it was removed. */
static int ask_parent(struct reading *r, const char *run, Bit__RunStatus **out)
{
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
    Bit__ErrorReply *refusal = NULL;

    m.run = bit_lend(run);
    *out = NULL;
    int err = bit_connection_try(r->cli, BIT_MSG_STATUS_REQUEST, &m, BIT_MSG_RUN_STATUS, out, &refusal);
    if (err == 0 && refusal != NULL && refusal->error != BIT_ENORUN)
        err = bit_fail(refusal->error, "%s", refusal->text);
    bit_msg_free(refusal);
    return err;
}

static int find_parts(struct reading *r)
{
    Bit__RunStatus *parent = NULL;
    const Bit__ForkOrigin *origin = origin_of(r->curves->status);
    int err = add_part(r, r->curves->status, UINT64_MAX, 0);

    while (err == 0 && origin != NULL && r->parts < PARENTS_MAX) {
        Bit__RunStatus *next = NULL;
        err = ask_parent(r, origin->run, &next);
        if (err == 0 && next == NULL)
            lose_parent(r->curves, origin->run, origin->step);
        if (next != NULL)
            err = add_part(r, next, BIT_MIN(origin->step, r->part[0].until), origin->has_link ? origin->link : 0);
        bit_msg_free(parent);
        parent = next;
        origin = next != NULL ? origin_of(next) : NULL;
    }
    bit_msg_free(parent);
    return err;
}

/* ---- reading one part */

static int ask(void *arg, struct bit_connection *client)
{
    struct reading *r = arg;

    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &r->ask);
}

static int read_journal(struct reading *r, const struct part *part, bool steps,
                        void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg))
{
    r->ask = (Bit__EventsRequest)BIT__EVENTS_REQUEST__INIT;
    r->ask.run = bit_lend(part->run);
    r->ask.has_steps = r->ask.steps = steps;
    return bit_reply_stream(r->cli, false, ask, take, r);
}

static void take_outline(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct reading *r = arg;

    if (type != BIT_MSG_EVENT_REPLY)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    r->last_seq = record->seq;
    r->beginnings += record->what_case == BIT__JOURNAL_RECORD__WHAT_READY ||
                     record->what_case == BIT__JOURNAL_RECORD__WHAT_REWOUND ||
                     record->what_case == BIT__JOURNAL_RECORD__WHAT_RESUMED;
}

static void take_line(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct reading *r = arg;

    if (type != BIT_MSG_EVENT_REPLY || r->err < 0)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    r->last_seq = record->seq;
    r->err = bit_run_line_note(&r->line, record);
}

static int add_value(struct reading *r, size_t i, uint64_t step, double value)
{
    struct gather *g = &r->gather[i];
    const uint64_t after = r->curves->switch_after;

    if (g->any && step <= g->last)
        return 0; /* evaluated again after the same step */
    if (g->any && g->last <= after && step > after)
        bit_smooth_restart(&g->smooth);
    g->any = true;
    g->last = step;
    value = bit_smooth_next(&g->smooth, value);
    return step < r->bounds->from || step > r->bounds->to ? 0 : bit_thin_add(&g->thin, step, value);
}

static void take_values(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct reading *r = arg;
    uint64_t step;
    double value;

    if (type != BIT_MSG_EVENT_REPLY)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    for (size_t i = 0; i < r->count && r->err == 0 && record->seq <= r->last_seq; i++)
        if (bit_curve_wish_value(&r->wish[i], record, r->curves->switch_after, &step, &value) &&
            bit_run_line_has(&r->line, record->seq, step))
            r->err = add_value(r, i, step, value);
}

/* A run that was launched once and never rewound or resumed has every step once, so its outline is enough. */
static int read_line(struct reading *r, const struct part *part)
{
    r->beginnings = 0;
    r->last_seq = 0;
    int code = read_journal(r, part, false, take_outline);
    if (code == 0 && r->beginnings > 1)
        return read_journal(r, part, true, take_line);
    r->last_seq = UINT64_MAX; /* also take steps that are done meanwhile */
    return code;
}

static int read_part(struct reading *r, const struct part *part)
{
    bit_run_line_init(&r->line, part->until, part->link);
    int code = read_line(r, part);
    if (code == 0 && r->err == 0 && r->line.count > 0 && part->until != UINT64_MAX && part->until > part->from &&
        r->line.end == 0)
        lose_parent(r->curves, part->run, part->until); /* its journal lacks the step after which the fork began */
    else if (code == 0 && r->err == 0)
        code = read_journal(r, part, r->steps, take_values);
    bit_run_line_finish(&r->line);
    return code == 0 && r->err < 0 ? bit_failure_print(r->cli, r->err) : code;
}

/* ---- all parts */

static int begin(struct reading *r)
{
    r->gather = calloc(r->count, sizeof *r->gather);
    r->curves->curve = calloc(r->count, sizeof *r->curves->curve);
    if (r->gather == NULL || r->curves->curve == NULL)
        return bit_fail(-ENOMEM, "curves");
    r->curves->count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        bit_thin_init(&r->gather[i].thin, r->bounds->buckets);
        int err = bit_smooth_init(&r->gather[i].smooth, BIT_MAX(1, BIT_MIN(r->bounds->smooth, BIT_SMOOTH_MAX)));
        if (err < 0)
            return err;
        r->steps |= bit_curve_wish_is_of_steps(&r->wish[i]);
    }
    return find_parts(r);
}

static int end(struct reading *r)
{
    int err = 0;

    for (size_t i = 0; i < r->count && err == 0; i++) {
        struct bit_run_curve *c = &r->curves->curve[i];
        c->every = r->gather[i].thin.every;
        err = bit_thin_take(&r->gather[i].thin, &c->point, &c->count);
    }
    return err;
}

int bit_run_curves_read(struct bit_cli *cli, const struct bit_curve_wish *wish, size_t count,
                        const struct bit_run_curves_bounds *bounds, struct bit_run_curves *curves)
{
    struct reading r = {.cli = cli, .wish = wish, .count = count, .bounds = bounds, .curves = curves};
    int err = begin(&r), code = err < 0 ? bit_failure_print(cli, err) : 0;

    for (size_t i = 0; i < r.parts && code == 0; i++)
        code = read_part(&r, &r.part[i]);
    err = code == 0 ? end(&r) : 0;
    for (size_t i = 0; r.gather != NULL && i < count; i++) {
        bit_thin_finish(&r.gather[i].thin);
        bit_smooth_finish(&r.gather[i].smooth);
    }
    free(r.gather);
    free(r.part);
    return err < 0 ? bit_failure_print(cli, err) : code;
}
