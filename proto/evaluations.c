#include "proto/evaluations.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#define FORMS_MAX (2 + BIT__TERNARY_PART__DOWN) /* evaluations of one set: both precisions, and each TernaryPart */

static bool same_part(const Bit__EvaluateReport *a, const Bit__EvaluateReport *b)
{
    return a->has_part == b->has_part && (!a->has_part || a->part == b->part);
}

static Bit__EvaluateReport *find(const struct bit_evaluations *e, const Bit__EvaluateReport *m)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->report[i]->precision == m->precision && same_part(e->report[i], m) &&
            strcmp(e->report[i]->set, m->set) == 0)
            return e->report[i];
    return NULL;
}

static int add(struct bit_evaluations *e, const char *set, Bit__EvaluateReport **out)
{
    if (e->count == FORMS_MAX * BIT_EVAL_SETS_MAX)
        return bit_fail(BIT_ELIMIT, "evaluations of more than %d sets", BIT_EVAL_SETS_MAX);
    Bit__EvaluateReport **grown = realloc(e->report, (e->count + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "evaluations");
    e->report = grown;
    Bit__EvaluateReport *report = malloc(sizeof *report);
    char *name = strdup(set);
    if (report == NULL || name == NULL) {
        free(report);
        free(name);
        return bit_fail(-ENOMEM, "evaluations");
    }
    bit__evaluate_report__init(report);
    report->set = name;
    e->report[e->count++] = *out = report;
    return 0;
}

int bit_evaluations_note(struct bit_evaluations *e, const Bit__EvaluateReport *m)
{
    Bit__EvaluateReport *report = find(e, m);
    int err = report == NULL ? add(e, m->set, &report) : 0;

    if (err < 0)
        return err;
    char *name = report->set;
    *report = *m;
    report->base.n_unknown_fields = 0;
    report->base.unknown_fields = NULL;
    report->set = name;
    return 0;
}

void bit_evaluations_finish(struct bit_evaluations *e)
{
    for (size_t i = 0; i < e->count; i++) {
        free(e->report[i]->set);
        free(e->report[i]);
    }
    free(e->report);
    *e = (struct bit_evaluations){.count = 0};
}
