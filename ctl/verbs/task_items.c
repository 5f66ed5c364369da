#include "ctl/verbs/task_items.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/reply_stream.h"
#include "ctl/show/print.h"
#include "proto/check.h"
#include "proto/data/task_score.h"
#include "proto/err.h"

/* The records of one task in one precision at one step, in the order of the documents. */
struct evaluation {
    Bit__TaskScored **part; /* owned, with what it points to */
    size_t count;
};

struct reading {
    const struct bit_task_items_wish *wish;
    const char *run;           /* its id */
    struct evaluation at_work; /* the one whose last documents have not come yet */
    struct evaluation *newest; /* without every_step: one for each task and precision */
    size_t count;
    bool found;
    int err;
    char old[BIT_ERR_TEXT_MAX]; /* message about an evaluation without items */
    Bit__EventsRequest ask;
};

static void drop(struct evaluation *e)
{
    for (size_t i = 0; i < e->count; i++)
        bit_msg_free(e->part[i]);
    free(e->part);
    *e = (struct evaluation){0};
}

static int keep(struct evaluation *e, const Bit__TaskScored *m)
{
    Bit__TaskScored **grown = realloc(e->part, (e->count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "items of a task");
    e->part = grown;
    grown[e->count] = bit_msg_clone(m);
    if (grown[e->count] == NULL)
        return bit_fail(-ENOMEM, "items of a task");
    e->count++;
    return 0;
}

/* ---- printing */

/* Whether all arrays fit the numbers of documents and choices. The journal's checksums show that bitd wrote them. */
static bool has_items(const Bit__TaskScored *m)
{
    size_t items = 0;

    if (!m->has_metric || m->n_choices != m->documents || m->n_label != m->documents || m->n_number != m->documents)
        return false;
    for (size_t d = 0; d < m->n_choices; d++)
        items += m->choices[d];
    return items == m->n_sum && items == m->n_characters;
}

/* The likeliest of `choices` choices; of equal ones the first. */
static uint32_t find_chosen(const Bit__TaskScored *m, size_t first, uint32_t choices)
{
    const enum bit_task_metric metric = (enum bit_task_metric)m->metric;
    uint32_t best = 0;
    float most = 0;

    for (uint32_t c = 0; c < choices; c++) {
        const float value = bit_task_value(metric, m->sum[first + c], m->characters[first + c]);
        if (c == 0 || value > most) {
            most = value;
            best = c;
        }
    }
    return best;
}

static void print_document(const struct reading *r, const Bit__TaskScored *m, size_t document, size_t first)
{
    const uint32_t chosen = find_chosen(m, first, m->choices[document]);
    Bit__TaskItem item = BIT__TASK_ITEM__INIT;

    item.run = bit_lend(r->run);
    item.after_step = m->after_step;
    item.task = m->task;
    item.precision = m->precision;
    item.document = m->number[document];
    item.label = m->label[document];
    for (uint32_t c = 0; c < m->choices[document]; c++) {
        item.choice = c;
        item.sum = m->sum[first + c];
        item.has_sum = item.sum > -FLT_MAX;
        item.normaliser = m->metric == BIT__TASK_METRIC__LEN_NORM ? m->characters[first + c] : 1;
        item.chosen = c == chosen;
        bit_print_json(&item);
    }
}

static void note_old(struct reading *r, const Bit__TaskScored *m)
{
    bit_fail(BIT_ESTATE,
             "%s: task '%s' after step %" PRIu64 " was scored by an earlier bitd, which kept no items of it; its score "
             "is in `bitctl tasks`",
             r->run, m->task, m->after_step);
    snprintf(r->old, sizeof r->old, "%s", bit_fail_text());
}

static void print(struct reading *r, const struct evaluation *e)
{
    for (size_t i = 0; i < e->count; i++) {
        size_t first = 0;
        if (!has_items(e->part[i])) {
            note_old(r, e->part[i]);
            return;
        }
        for (size_t d = 0; d < e->part[i]->n_choices; d++) {
            print_document(r, e->part[i], d, first);
            first += e->part[i]->choices[d];
        }
    }
}

/* ---- reading */

static bool is_wished(const struct bit_task_items_wish *wish, const Bit__TaskScored *m)
{
    return (wish->task == NULL || strcmp(wish->task, m->task) == 0) && (!wish->has_step || wish->step == m->after_step);
}

static struct evaluation *find_newest(struct reading *r, const Bit__TaskScored *m)
{
    for (size_t i = 0; i < r->count; i++) {
        const Bit__TaskScored *first = r->newest[i].part[0];
        if (first->precision == m->precision && strcmp(first->task, m->task) == 0)
            return &r->newest[i];
    }
    return NULL;
}

/* The current evaluation is complete. */
static int end(struct reading *r)
{
    struct evaluation *before = find_newest(r, r->at_work.part[0]);

    r->found = true;
    if (r->wish->every_step) {
        print(r, &r->at_work);
        drop(&r->at_work);
        return 0;
    }
    if (before == NULL) {
        struct evaluation *grown = realloc(r->newest, (r->count + 1) * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "items of tasks");
        r->newest = grown;
        before = &grown[r->count++];
    } else {
        drop(before);
    }
    *before = r->at_work;
    r->at_work = (struct evaluation){0};
    return 0;
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct reading *r = arg;

    if (type != BIT_MSG_EVENT_REPLY || r->err < 0)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    if (record->what_case != BIT__JOURNAL_RECORD__WHAT_SCORED || !is_wished(r->wish, record->scored))
        return;
    if (record->scored->first == 0)
        drop(&r->at_work); /* an evaluation that was begun before did not continue */
    r->err = keep(&r->at_work, record->scored);
    if (r->err == 0 && record->scored->result != NULL)
        r->err = end(r);
}

static int ask(void *arg, struct bit_connection *client)
{
    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &((struct reading *)arg)->ask);
}

static int say_nothing_found(struct bit_cli *cli, const struct reading *r)
{
    const struct bit_task_items_wish *wish = r->wish;
    char task[BIT_NAME_MAX + 16] = "no task", step[40] = " yet";

    if (wish->task != NULL)
        snprintf(task, sizeof task, "task '%.*s' not", BIT_NAME_MAX, wish->task);
    if (wish->has_step)
        snprintf(step, sizeof step, " after step %" PRIu64, wish->step);
    return bit_failure_print(cli, bit_fail(BIT_ESTATE, "%s: %s evaluated%s", r->run, task, step));
}

int bit_task_items_print(struct bit_cli *cli, const char *run, const struct bit_task_items_wish *wish)
{
    struct reading r = {.wish = wish, .run = run, .ask = BIT__EVENTS_REQUEST__INIT};

    r.ask.run = bit_lend(run);
    r.ask.has_items = r.ask.items = true;
    int code = bit_reply_stream(cli, false, ask, take, &r);
    for (size_t i = 0; i < r.count && code == 0 && r.err == 0; i++)
        print(&r, &r.newest[i]);
    if (code == 0 && r.err == 0 && r.old[0] != '\0')
        r.err = bit_fail(BIT_ESTATE, "%s", r.old);
    if (code == 0 && r.err < 0)
        code = bit_failure_print(cli, r.err);
    else if (code == 0 && !r.found)
        code = say_nothing_found(cli, &r);
    for (size_t i = 0; i < r.count; i++)
        drop(&r.newest[i]);
    free(r.newest);
    drop(&r.at_work);
    return code;
}
