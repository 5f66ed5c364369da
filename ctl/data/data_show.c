/* Shows the documents of one step. They are found by the same code that feeds the workers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/run_status.h"
#include "ctl/data/data.h"
#include "ctl/data/document_index.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/tokenize/tokenizer.h"
#include "proto/check.h"
#include "proto/data/batches.h"
#include "proto/data/shards.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

/* The part of a document that is in an instance. */
struct part {
    uint64_t start, end; /* of the document in its file, in tokens */
    char *id, *source, *line;
};

/* One instance of the step. */
struct shown {
    uint32_t row;
    struct bit_batch_row what;
    struct bit_shard_place place;
    struct part *part;
    size_t parts;
    bool indexed; /* false: the file has no document index */
};

struct show {
    const struct bit_data_options *o;
    Bit__RunSpec *spec;
    struct bit_batches *batches;
    struct bit_tokenizer *tokenizer; /* NULL without --text */
    struct shown *shown;
    size_t count;
};

/* ---- the run */

static int check_step(const struct bit_data_options *o, const char *run, const Bit__RunSpec *spec)
{
    if (spec == NULL || o->step <= spec->schedule->steps)
        return 0;
    return bit_failure_print(o->cli, bit_fail(BIT_EUSAGE, "step %" PRIu64 ": %s has %" PRIu64 " step%s", o->step, run,
                                              spec->schedule->steps, bit_format_s(spec->schedule->steps)));
}

static int find_spec(const struct bit_data_options *o, const char *run, Bit__RunSpec **out)
{
    static struct bit_problems problems;
    char path[BIT_PATH_MAX];
    Bit__RunStatus *status = NULL;

    if (strchr(run, '/') != NULL) { /* a run's folder can be read without the daemon */
        snprintf(path, sizeof path, "%s%sspec.pb", run, run[strlen(run) - 1] == '/' ? "" : "/");
    } else {
        int code = bit_run_status_ask(o->cli, run, true, &status);
        if (code)
            return code;
        *out = status->spec; /* as changed after the submission: more steps, other ranks */
        status->spec = NULL;
        bit_msg_free(status);
        return check_step(o, run, *out);
    }
    int err = bit_spec_load(path, out, &problems);
    return err < 0 ? bit_failure_print(o->cli, err) : 0;
}

/* ---- instances */

static bool is_wanted(const struct bit_data_options *o, const Bit__RunSpec *spec, uint32_t row)
{
    return !o->has_rank || row % spec->launch->ranks == o->rank;
}

static int find_instances(struct show *s)
{
    uint32_t batch = s->spec->batch->instances;
    struct bit_batch_row *rows = calloc(batch, sizeof *rows);

    s->shown = calloc(batch, sizeof *s->shown);
    int err = rows == NULL || s->shown == NULL ? bit_fail(-ENOMEM, "a batch of %u", batch)
                                               : bit_batches_step(s->batches, s->o->step, rows);
    for (uint32_t row = 0; row < batch && err == 0; row++) {
        struct shown *shown = &s->shown[s->count];
        if (!is_wanted(s->o, s->spec, row))
            continue;
        *shown = (struct shown){.row = row, .what = rows[row]};
        bit_shards_find(bit_batches_shards(s->batches, rows[row].source), rows[row].instance, &shown->place);
        s->count++;
    }
    free(rows);
    return err;
}

static int by_place(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    int order = strcmp(x->place.path, y->place.path);

    return order != 0 ? order : (x->place.token > y->place.token) - (x->place.token < y->place.token);
}

static int by_row(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;

    return (x->row > y->row) - (x->row < y->row);
}

/* ---- documents */

static int add_part(struct shown *shown, const struct bit_document_index_row *row)
{
    struct part *grown = realloc(shown->part, (shown->parts + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "the documents of a step");
    shown->part = grown;
    struct part *p = &grown[shown->parts];
    *p = (struct part){row->start, row->end, strdup(row->id), strdup(row->source), strdup(row->line)};
    shown->parts++;
    return p->id && p->source && p->line ? 0 : bit_fail(-ENOMEM, "the documents of a step");
}

/* Find the documents of the instances of one file, which are sorted by position. Reads the index once. */
static int find_in_file(struct shown *shown, size_t count, uint32_t context)
{
    struct bit_document_index *index = NULL;
    struct bit_document_index_row row;
    size_t first = 0; /* the instances before it end before the present row begins */
    int err = bit_document_index_open(shown[0].place.path, &index), got = 0;

    if (err <= 0)
        return err;
    err = 0;
    for (size_t i = 0; i < count; i++)
        shown[i].indexed = true;
    while (first < count && err == 0 && (got = bit_document_index_next(index, &row)) > 0) {
        while (first < count && shown[first].place.token + context <= row.start)
            first++;
        for (size_t i = first; i < count && shown[i].place.token < row.end && err == 0; i++)
            err = add_part(&shown[i], &row);
    }
    bit_document_index_close(index);
    return err < 0 ? err : BIT_MIN(got, 0);
}

static int find_documents(struct show *s)
{
    int err = 0;

    qsort(s->shown, s->count, sizeof *s->shown, by_place);
    for (size_t begin = 0, end; begin < s->count && err == 0; begin = end) {
        for (end = begin + 1; end < s->count; end++)
            if (strcmp(s->shown[end].place.path, s->shown[begin].place.path) != 0)
                break;
        err = find_in_file(s->shown + begin, end - begin, s->spec->model->context);
    }
    qsort(s->shown, s->count, sizeof *s->shown, by_row);
    return err;
}

/* ---- text */

static int check_tokenizer(const struct show *s)
{
    struct bit_sidecar sidecar;
    int err = s->count > 0 ? bit_sidecar_read(s->shown[0].place.path, &sidecar) : 0;

    if (err <= 0)
        return err; /* without a dataset.json there is nothing to compare */
    err = 0;
    if (strcmp(sidecar.sha256, s->tokenizer->digest) != 0)
        err = bit_fail(BIT_EDATA, "these tokens are of tokenizer '%s', sha256 %.16s…; '%s' is %.16s…",
                       sidecar.tokenizer, sidecar.sha256, s->o->tokenizer, s->tokenizer->digest);
    bit_sidecar_finish(&sidecar);
    return err;
}

/* Decode tokens [from, to) of an instance to text, heap. */
static int decode(const struct show *s, const struct shown *shown, uint64_t from, uint64_t to, char **text)
{
    uint32_t context = s->spec->model->context;
    unsigned token_bytes = bit_shards_shape(s->spec).token_bytes;
    void *tokens = calloc(context, token_bytes);
    uint32_t *ids = calloc(context, sizeof *ids);
    size_t bytes;
    int err = tokens == NULL || ids == NULL ? bit_fail(-ENOMEM, "an instance") : 0;

    if (err == 0)
        err = bit_shards_read(bit_batches_shards(s->batches, shown->what.source), shown->what.instance, tokens);
    for (uint64_t i = from; i < to && err == 0; i++)
        ids[i - from] = bit_token_id(tokens, i, token_bytes);
    if (err == 0)
        err = bit_tokenizer_decode(s->tokenizer, ids, (size_t)(to - from), text, &bytes);
    free(ids);
    free(tokens);
    return err;
}

static int print_text(const struct show *s, const struct shown *shown, uint64_t from, uint64_t to)
{
    char *text = NULL;
    int err = decode(s, shown, from, to, &text);

    if (err == 0)
        bit_show_lines(stdout, text);
    free(text);
    return err;
}

/* ---- answer */

/* The range of the part's tokens inside the instance. */
static void bounds(const struct show *s, const struct shown *shown, const struct part *p, uint64_t *from, uint64_t *to)
{
    uint64_t begin = shown->place.token, end = begin + s->spec->model->context;

    *from = BIT_MAX(p->start, begin) - begin;
    *to = BIT_MIN(p->end, end) - begin;
}

static int print_person(const struct show *s, const struct shown *shown)
{
    uint32_t ranks = s->spec->launch->ranks, context = s->spec->model->context;
    int err = 0;

    bit_show(stdout,
             "row %u, rank %u: %s, epoch %" PRIu64 ", %s instance %" PRIu64 ", tokens %" PRIu64 " to %" PRIu64 "\n",
             shown->row, shown->row % ranks, bit_batches_name(s->batches, shown->what.source), shown->what.epoch,
             shown->place.path, shown->place.instance, shown->place.token, shown->place.token + context - 1);
    for (size_t i = 0; i < shown->parts && err == 0; i++) {
        const struct part *p = &shown->part[i];
        uint64_t from, to;
        bounds(s, shown, p, &from, &to);
        bit_show(stdout, "  %5" PRIu64 " to %5" PRIu64 "  document %s of %s:%s%s%s\n", from, to - 1, p->id, p->source,
                 p->line, p->start < shown->place.token ? ", begun before" : "",
                 p->end > shown->place.token + context ? ", goes on" : "");
        if (s->tokenizer != NULL)
            err = print_text(s, shown, from, to);
    }
    if (!shown->indexed && s->tokenizer != NULL)
        err = print_text(s, shown, 0, context);
    return err;
}

/* m->text is the caller's to free. */
static int describe_part(const struct show *s, const struct shown *shown, const struct part *p, Bit__ShownDocument *m)
{
    bit__shown_document__init(m);
    bounds(s, shown, p, &m->from, &m->to);
    m->id = p->id;
    m->source = p->source;
    m->line = strtoull(p->line, NULL, 10);
    return s->tokenizer == NULL ? 0 : decode(s, shown, m->from, m->to, &m->text);
}

static void print_instance(const struct show *s, const struct shown *shown, Bit__ShownDocument **documents)
{
    Bit__ShownInstance m = BIT__SHOWN_INSTANCE__INIT;

    m.step = s->o->step;
    m.row = shown->row;
    m.rank = shown->row % s->spec->launch->ranks;
    m.set = bit_lend(bit_batches_name(s->batches, shown->what.source));
    m.epoch = shown->what.epoch;
    m.file = bit_lend(shown->place.path);
    m.instance = shown->place.instance;
    m.token = m.first_token = shown->place.token;
    m.tokens = s->spec->model->context;
    m.n_documents = shown->parts;
    m.documents = documents;
    bit_print_json(&m);
}

static int print_json(const struct show *s, const struct shown *shown)
{
    Bit__ShownDocument *document = calloc(shown->parts + 1, sizeof *document);
    Bit__ShownDocument **documents = calloc(shown->parts + 1, sizeof *documents);
    int err = document == NULL || documents == NULL ? bit_fail(-ENOMEM, "the documents of a step") : 0;

    for (size_t i = 0; i < shown->parts && err == 0; i++) {
        documents[i] = &document[i];
        err = describe_part(s, shown, &shown->part[i], &document[i]);
    }
    if (err == 0)
        print_instance(s, shown, documents);
    for (size_t i = 0; i < shown->parts && document != NULL; i++)
        free(document[i].text);
    free(documents);
    free(document);
    return err;
}

static int show(struct show *s)
{
    int err = bit_batches_create(s->spec, &s->batches);

    if (err == 0)
        err = find_instances(s);
    if (err == 0 && s->o->text)
        err = bit_tokenizer_load(s->o->tokenizer, &s->tokenizer);
    if (err == 0 && s->o->text)
        err = check_tokenizer(s);
    if (err == 0)
        err = find_documents(s);
    for (size_t i = 0; i < s->count && err == 0; i++)
        err = s->o->cli->json ? print_json(s, &s->shown[i]) : print_person(s, &s->shown[i]);
    return err;
}

static void finish(struct show *s)
{
    for (size_t i = 0; i < s->count; i++) {
        for (size_t k = 0; k < s->shown[i].parts; k++) {
            free(s->shown[i].part[k].id);
            free(s->shown[i].part[k].source);
            free(s->shown[i].part[k].line);
        }
        free(s->shown[i].part);
    }
    free(s->shown);
    bit_tokenizer_destroy(s->tokenizer);
    bit_batches_destroy(s->batches);
    bit_msg_free(s->spec);
}

int bit_data_show(const struct bit_data_options *o, const char *run)
{
    struct show s = {.o = o};
    int code = find_spec(o, run, &s.spec);

    if (code) {
        finish(&s);
        return code;
    }
    if (o->has_rank && o->rank >= s.spec->launch->ranks) {
        bit_fail(BIT_EUSAGE, "rank %" PRIu64 ": the run has %u", o->rank, s.spec->launch->ranks);
        code = bit_failure_print(o->cli, BIT_EUSAGE);
    } else {
        int err = show(&s);
        code = err < 0 ? bit_failure_print(o->cli, err) : BIT_EXIT_OK;
    }
    finish(&s);
    return code;
}
