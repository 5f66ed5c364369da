#include "proto/dryrun/task_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/data/request_cut.h"
#include "proto/data/request_file.h"
#include "proto/dryrun/look_problems.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"

struct look {
    const Bit__RunSpec *spec;
    struct bit_look_problems found;
    bool rules_hold;
};

static int check_choices(const struct bit_request_file *f, const Bit__TaskSpec *task)
{
    const bool pairs = task->has_metric && task->metric == BIT__TASK_METRIC__F1;

    for (uint32_t i = 0; i < f->document_count; i++) {
        const struct bit_request_document *d = &f->document[i];
        if (d->choices > BIT_TASK_CHOICES_MAX)
            return bit_fail(BIT_EDATA, "%s: document %" PRIu64 " has %u choices; at most %d", task->path, d->number,
                            d->choices, BIT_TASK_CHOICES_MAX);
        if (pairs && d->choices != 2)
            return bit_fail(BIT_EDATA, "%s: document %" PRIu64 " has %u choices, and F1 is of two", task->path,
                            d->number, d->choices);
    }
    return 0;
}

/* Compares the file with the model, and with the digest that an earlier check put into the specification. */
static int check(const struct look *l, const struct bit_request_file *f, const Bit__TaskSpec *task)
{
    struct bit_request_extent extent;
    int err = bit_request_file_check(f, task->path, l->spec->model->vocab, l->spec->data->tokenizer);

    if (err == 0)
        err = bit_request_extent(f, task->path, l->spec->model->context, &extent);
    if (err == 0)
        err = check_choices(f, task);
    if (err == 0 && task->has_digest && task->digest != f->digest)
        err = bit_fail(BIT_EDATA, "%s: its digest is %016" PRIx64 ", and the specification says %016" PRIx64,
                       task->path, f->digest, task->digest);
    return err;
}

static int fill(Bit__TaskSpec *task, const struct bit_request_file *f)
{
    if (task->name == NULL) {
        task->name = strdup(f->task);
        if (task->name == NULL)
            return bit_fail(-ENOMEM, "the name of a task");
    }
    if (!task->has_metric)
        task->metric = (Bit__TaskMetric)f->metric;
    task->documents = f->document_count;
    task->items = f->item_count;
    task->digest = f->digest;
    task->has_metric = task->has_documents = task->has_items = task->has_digest = 1;
    return 0;
}

static void look_at(struct look *l, size_t i, const struct bit_file_id *shown)
{
    Bit__TaskSpec *task = l->spec->eval->task[i];
    struct bit_request_file f;
    char field[64];

    snprintf(field, sizeof field, "eval.task[%zu].path", i);
    int err = bit_request_file_open(task->path, shown, &f);
    if (err == 0) {
        err = l->rules_hold ? check(l, &f, task) : 0;
        if (err == 0)
            err = fill(task, &f);
        bit_request_file_finish(&f);
    }
    if (err < 0)
        bit_look_problems_note(&l->found, field, err);
}

/* bit_spec_validate has compared the names in the specification; names from files are only known now. */
static void check_names(struct look *l)
{
    Bit__TaskSpec *const *task = l->spec->eval->task;
    char field[64];

    for (size_t i = 1; i < l->spec->eval->n_task; i++)
        for (size_t k = 0; k < i; k++) {
            if (strcmp(task[i]->name, task[k]->name) != 0)
                continue;
            snprintf(field, sizeof field, "eval.task[%zu].name", i);
            bit_look_problems_note(
                &l->found, field,
                bit_fail(BIT_ESPEC, "'%s' is the name of another task: give it one of its own", task[i]->name));
        }
}

int bit_task_look(Bit__RunSpec *spec, const struct bit_file_id *shown, bool rules_hold, struct bit_problems *problems)
{
    struct look l = {.spec = spec, .rules_hold = rules_hold};
    const size_t at = bit_spec_paths(spec) - spec->eval->n_task;

    bit_look_problems_init(&l.found, problems);
    for (size_t i = 0; i < spec->eval->n_task && !bit_look_problems_is_over(&l.found); i++)
        if (spec->eval->task[i]->path != NULL)
            look_at(&l, i, shown != NULL ? &shown[at + i] : NULL);
    if (rules_hold && l.found.err == 0)
        check_names(&l);
    return bit_look_problems_result(&l.found, "request files");
}
