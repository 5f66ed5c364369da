#include "daemon/feed/task_feed.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/request_cut.h"
#include "proto/data/task_score.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

struct bit_task_feed {
    size_t count;
    uint32_t context;
    unsigned token_bytes; /* on the link */
    struct bit_request_file *file;
    const Bit__RunSpec *spec; /* borrowed: names and paths */
};

/* ---- files */

void bit_task_feed_destroy(struct bit_task_feed *feed)
{
    if (feed == NULL)
        return;
    for (size_t i = 0; i < feed->count; i++)
        bit_request_file_finish(&feed->file[i]);
    free(feed->file);
    free(feed);
}

static int open_task(struct bit_task_feed *feed, const Bit__TaskSpec *task)
{
    struct bit_request_file *f = &feed->file[feed->count];
    int err = bit_request_file_open(task->path, NULL, f);

    if (err < 0)
        return err;
    feed->count++;
    if (f->digest != task->digest || f->document_count != task->documents)
        return bit_fail(BIT_EDATA,
                        "%s: is another file than when the run was submitted: digest %016" PRIx64 ", not "
                        "%016" PRIx64,
                        task->path, f->digest, task->digest);
    f->metric = (enum bit_task_metric)task->metric;
    return 0;
}

int bit_task_feed_create(const Bit__RunSpec *spec, struct bit_task_feed **out)
{
    struct bit_task_feed *feed = calloc(1, sizeof *feed);
    int err = 0;

    if (feed != NULL)
        feed->file = calloc(spec->eval->n_task + 1, sizeof *feed->file);
    if (feed == NULL || feed->file == NULL) {
        free(feed);
        return bit_fail(-ENOMEM, "%zu tasks", spec->eval->n_task);
    }
    feed->context = spec->model->context;
    feed->token_bytes = (unsigned)spec->data->dtype;
    feed->spec = spec;
    for (size_t i = 0; i < spec->eval->n_task && err == 0; i++)
        err = open_task(feed, spec->eval->task[i]);
    if (err < 0) {
        bit_task_feed_destroy(feed);
        return err;
    }
    *out = feed;
    return 0;
}

/* ---- orders */

void bit_task_requests_finish(struct bit_task_requests *r)
{
    free(r->tokens);
    free(r->continuation);
    *r = (struct bit_task_requests){0};
}

static uint32_t first_item(const struct bit_request_file *f, uint64_t document)
{
    return document < f->document_count ? f->document[document].first_item : f->item_count;
}

static void put_ids(uint8_t *to, const uint32_t *ids, size_t count, unsigned token_bytes)
{
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < token_bytes; k++)
            *to++ = (uint8_t)(ids[i] >> 8 * k);
}

/* Lengths first: they determine the payload's size. */
static int measure(const struct bit_task_feed *feed, const struct bit_request_file *f, uint32_t first,
                   struct bit_task_requests *r, size_t *tokens)
{
    for (size_t i = 0; i < r->count; i++) {
        struct bit_request_cut cut;
        int err = bit_request_cut(f, first + (uint32_t)i, feed->context, &cut);
        if (err < 0)
            return err;
        r->tokens[i] = cut.query_tokens + 1;
        r->continuation[i] = cut.rows;
        *tokens += r->tokens[i];
    }
    return 0;
}

static int fill(const struct bit_task_feed *feed, const struct bit_request_file *f, uint32_t first, size_t count,
                struct bit_payload *p)
{
    uint32_t *ids = malloc((feed->context + (size_t)1) * sizeof *ids);
    uint8_t *to = p->bytes;

    if (ids == NULL)
        return bit_fail(-ENOMEM, "the ids of a request");
    for (size_t i = 0; i < count; i++) {
        struct bit_request_cut cut;
        int err = bit_request_cut(f, first + (uint32_t)i, feed->context, &cut);
        BIT_ASSERT(err == 0); /* measure() succeeded */
        bit_request_cut_ids(f, first + (uint32_t)i, &cut, ids);
        put_ids(to, ids, cut.query_tokens + 1, feed->token_bytes);
        to += (cut.query_tokens + (size_t)1) * feed->token_bytes;
    }
    free(ids);
    return 0;
}

int bit_task_feed_part(const struct bit_task_feed *feed, const struct bit_task_order *part, uint64_t epoch,
                       struct bit_payload **payload, struct bit_task_requests *requests)
{
    const struct bit_request_file *f = &feed->file[part->task];
    const uint32_t first = first_item(f, part->first), end = first_item(f, part->first + part->count);
    struct bit_task_requests r = {.count = end - first};
    struct bit_payload *p = NULL;
    size_t tokens = 0;
    int err = 0;

    r.tokens = malloc((r.count + 1) * sizeof *r.tokens);
    r.continuation = malloc((r.count + 1) * sizeof *r.continuation);
    if (r.tokens == NULL || r.continuation == NULL)
        err = bit_fail(-ENOMEM, "%zu requests", r.count);
    if (err == 0)
        err = measure(feed, f, first, &r, &tokens);
    if (err == 0)
        err = bit_payload_create(tokens * feed->token_bytes, &p);
    if (err == 0)
        err = fill(feed, f, first, r.count, p);
    if (err == 0)
        err = bit_payload_seal(p, epoch);
    if (err < 0) {
        bit_payload_destroy(p);
        bit_task_requests_finish(&r);
        return err;
    }
    *payload = p;
    *requests = r;
    return 0;
}

/* ---- reports */

static int put_counts(const struct bit_task_score *s, Bit__TaskCounts **out)
{
    Bit__TaskCounts *c = malloc(sizeof *c);

    if (c == NULL)
        return bit_fail(-ENOMEM, "counts of a task");
    bit__task_counts__init(c);
    *out = c; /* owned by the message now, with its members */
    c->label = malloc(s->choices * sizeof *c->label);
    c->chosen = malloc(s->choices * sizeof *c->chosen);
    if (c->label == NULL || c->chosen == NULL)
        return bit_fail(-ENOMEM, "counts of a task");
    c->n_label = c->n_chosen = s->choices;
    memcpy(c->label, s->labels, s->choices * sizeof *c->label);
    memcpy(c->chosen, s->predicted, s->choices * sizeof *c->chosen);
    c->correct = s->correct;
    return 0;
}

static void add_before(struct bit_task_score *s, const Bit__TaskResult *before)
{
    const Bit__TaskCounts *c = before->counts;

    for (size_t i = 0; i < BIT_MIN((size_t)s->choices, c->n_label); i++)
        s->labels[i] += c->label[i];
    for (size_t i = 0; i < BIT_MIN((size_t)s->choices, c->n_chosen); i++)
        s->predicted[i] += c->chosen[i];
    s->correct += c->correct;
    s->documents += (uint32_t)before->documents;
}

/* The result of the whole task, from *s and the parts before. */
static int put_result(const struct bit_request_file *f, struct bit_task_score *s, const Bit__TaskResult *before,
                      Bit__TaskScored *m)
{
    Bit__TaskResult *r = malloc(sizeof *r);

    if (r == NULL)
        return bit_fail(-ENOMEM, "the result of a task");
    bit__task_result__init(r);
    m->result = r;
    if (before != NULL)
        add_before(s, before);
    bit_task_score_end(f, s);
    r->after_step = m->after_step;
    r->task = strdup(m->task);
    r->precision = m->precision;
    r->metric = (Bit__TaskMetric)f->metric;
    r->score = s->score;
    r->error = s->documents > 1 ? s->error : 0;
    r->constant = s->constant;
    r->chance = s->chance;
    r->classes = s->same_choices;
    r->documents = s->documents;
    r->not_finite = m->not_finite + (before != NULL ? before->not_finite : 0);
    r->ms = m->ms + (before != NULL ? before->ms : 0);
    return r->task == NULL ? bit_fail(-ENOMEM, "the name of a task") : put_counts(s, &r->counts);
}

static int put_sums(const Bit__ScoreReport *report, Bit__TaskScored *m)
{
    m->sum = malloc((report->n_sum + 1) * sizeof *m->sum);
    if (m->sum == NULL)
        return bit_fail(-ENOMEM, "sums of a task");
    m->n_sum = report->n_sum;
    for (size_t i = 0; i < report->n_sum; i++)
        m->sum[i] = (float)report->sum[i];
    return 0;
}

/* The scored items, for readers of the journal without the request file. */
static int put_items(const struct bit_request_file *f, const struct bit_task_order *part, Bit__TaskScored *m)
{
    const size_t documents = (size_t)part->count;

    m->number = calloc(documents, sizeof *m->number);
    m->choices = calloc(documents, sizeof *m->choices);
    m->label = calloc(documents, sizeof *m->label);
    m->characters = calloc(m->n_sum + 1, sizeof *m->characters);
    if (m->number == NULL || m->choices == NULL || m->label == NULL || m->characters == NULL)
        return bit_fail(-ENOMEM, "items of a task");
    m->has_metric = true;
    m->metric = (Bit__TaskMetric)f->metric;
    m->n_number = m->n_choices = m->n_label = documents;
    for (size_t i = 0; i < documents; i++) {
        const struct bit_request_document *d = &f->document[part->first + i];
        m->number[i] = d->number;
        m->choices[i] = d->choices;
        m->label[i] = d->label;
    }
    m->n_characters = m->n_sum;
    for (size_t i = 0; i < m->n_sum; i++)
        m->characters[i] = f->item[first_item(f, part->first) + i].characters;
    return 0;
}

static int begin_record(const struct bit_task_feed *feed, const struct bit_task_order *part,
                        const Bit__ScoreReport *report, Bit__TaskScored **out)
{
    Bit__TaskScored *m = malloc(sizeof *m);

    if (m == NULL)
        return bit_fail(-ENOMEM, "the record of a task");
    bit__task_scored__init(m);
    m->after_step = report->after_step;
    m->task = strdup(feed->spec->eval->task[part->task]->name);
    m->precision = report->precision;
    m->first = part->first;
    m->documents = part->count;
    m->not_finite = (uint32_t)report->n_no_number;
    m->ms = report->ms;
    *out = m;
    return m->task == NULL ? bit_fail(-ENOMEM, "the name of a task") : 0;
}

static int check_report(const struct bit_request_file *f, const struct bit_task_order *part, Bit__ScoreReport *report)
{
    const size_t items = first_item(f, part->first + part->count) - first_item(f, part->first);

    if (report->n_sum != items)
        return bit_fail(BIT_EWORKER, "%zu log-likelihoods of %zu requests", report->n_sum, items);
    for (size_t i = 0; i < report->n_no_number; i++) {
        if (report->no_number[i] >= items)
            return bit_fail(BIT_EWORKER, "request %u of %zu has no log-likelihood", report->no_number[i], items);
        report->sum[report->no_number[i]] = -(double)FLT_MAX;
    }
    return 0;
}

int bit_task_feed_judge(const struct bit_task_feed *feed, const struct bit_task_order *part, Bit__ScoreReport *report,
                        const Bit__TaskResult *before, Bit__TaskScored **out)
{
    const struct bit_request_file *f = &feed->file[part->task];
    struct bit_task_score s = {0};
    Bit__TaskScored *m = NULL;
    int err = check_report(f, part, report);

    if (err == 0)
        err = begin_record(feed, part, report, &m);
    if (err == 0)
        err = put_sums(report, m);
    if (err == 0)
        err = put_items(f, part, m);
    if (err == 0)
        err = bit_task_score_begin(f, &s);
    if (err == 0) {
        bit_task_score_add(f, (uint32_t)part->first, (uint32_t)part->count, report->sum, &s);
        err = put_counts(&s, &m->counts);
    }
    if (err == 0 && part->first + part->count == f->document_count)
        err = put_result(f, &s, before, m);
    bit_task_score_finish(&s);
    if (err < 0) {
        bit_msg_free(m);
        return err;
    }
    *out = m;
    return 0;
}
