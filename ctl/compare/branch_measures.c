#include "ctl/compare/branch_measures.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/compare/recovery.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

void bit_branch_measures_finish(struct bit_branch_measures *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->measure[i].value);
    free(m->measure);
    *m = (struct bit_branch_measures){.count = 0};
}

size_t bit_branch_measures_find(const struct bit_branch_measures *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->measure[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

/* Add a measure in which no run has a value yet; NULL: out of memory. */
static struct bit_branch_measure *add(struct bit_branch_measures *m, const struct bit_branches *b,
                                      enum bit_branch_measure_unit unit)
{
    struct bit_branch_measure *grown = realloc(m->measure, (m->count + 1) * sizeof *grown);
    double *value = grown != NULL ? calloc(b->count + 1, sizeof *value) : NULL;

    if (grown != NULL)
        m->measure = grown;
    if (value == NULL)
        return NULL;
    for (size_t i = 0; i < b->count; i++)
        value[i] = NAN;
    grown[m->count] = (struct bit_branch_measure){.unit = unit, .value = value};
    return &grown[m->count++];
}

/* Drop the last measure if no run has a value of it. */
static void drop_empty(struct bit_branch_measures *m, const struct bit_branches *b)
{
    const struct bit_branch_measure *last = &m->measure[m->count - 1];

    for (size_t i = 0; i < b->count; i++)
        if (!isnan(last->value[i]))
            return;
    free(m->measure[--m->count].value);
}

/* ---- evaluations */

/* The loss of a set at its last evaluation, in this precision; NaN if there is none. */
static double held_out(const Bit__RunStatus *s, const char *set, Bit__Precision precision)
{
    const Bit__EvaluateReport *newest = NULL;
    double loss = NAN;

    for (size_t i = 0; i < s->n_held_out; i++) {
        const Bit__EvaluateReport *e = s->held_out[i];
        if (!e->has_part && strcmp(e->set, set) == 0 && (newest == NULL || e->after_step > newest->after_step))
            newest = e;
    }
    for (size_t i = 0; i < s->n_held_out && newest != NULL; i++) {
        const Bit__EvaluateReport *e = s->held_out[i];
        if (!e->has_part && strcmp(e->set, set) == 0 && e->after_step == newest->after_step &&
            e->precision == precision)
            loss = e->loss;
    }
    return loss;
}

/* Whether a run that trains in another precision was evaluated in this one. Otherwise the column would repeat the
 * first. */
static bool has_other(const struct bit_branches *b, const char *set, Bit__Precision precision)
{
    for (size_t i = 0; i < b->count; i++) {
        const Bit__RunStatus *s = b->run[i].curves.status;
        if (s->precision != precision && !isnan(held_out(s, set, precision)))
            return true;
    }
    return false;
}

static int add_set(struct bit_branch_measures *m, const struct bit_branches *b, const char *set)
{
    static const struct {
        Bit__Precision precision; /* 0: the precision in which a run trains */
        const char *name, *what;
    } ways[] = {{0, "", "in the precision that it trains in"},
                {BIT__PRECISION__SIXTEEN_BIT, ", 16bit", "with the weights in 16 bits"},
                {BIT__PRECISION__TERNARY, ", ternary", "with ternary weights"}};

    for (size_t way = 0; way < BIT_COUNT(ways); way++) {
        if (ways[way].precision != 0 && !has_other(b, set, ways[way].precision))
            continue;
        struct bit_branch_measure *measure = add(m, b, BIT_MEASURE_LOSS);
        if (measure == NULL)
            return bit_fail(-ENOMEM, "measures");
        bit_format(measure->name, sizeof measure->name, "%s%s", set, ways[way].name);
        bit_format(measure->what, sizeof measure->what, "loss of %s at its last evaluation, %s", set, ways[way].what);
        for (size_t i = 0; i < b->count; i++) {
            const Bit__RunStatus *s = b->run[i].curves.status;
            measure->value[i] = held_out(s, set, ways[way].precision != 0 ? ways[way].precision : s->precision);
        }
        drop_empty(m, b);
    }
    return 0;
}

static int add_sets(struct bit_branch_measures *m, const struct bit_branches *b)
{
    int err = 0;

    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < b->run[i].curves.status->n_held_out && err == 0; k++) {
            const Bit__EvaluateReport *e = b->run[i].curves.status->held_out[k];
            if (!e->has_part && bit_branch_measures_find(m, e->set) == SIZE_MAX)
                err = add_set(m, b, e->set);
        }
    return err;
}

/* ---- tasks */

static int add_task(struct bit_branch_measures *m, const struct bit_branches *b, const char *task, const char *name)
{
    struct bit_branch_measure *measure = add(m, b, BIT_MEASURE_SHARE);

    if (measure == NULL)
        return bit_fail(-ENOMEM, "measures");
    bit_format(measure->name, sizeof measure->name, "%s", name);
    bit_format(measure->what, sizeof measure->what,
               "score of %s when it was last evaluated in the precision that it trains in", task);
    for (size_t i = 0; i < b->count; i++) {
        const Bit__RunStatus *s = b->run[i].curves.status;
        for (size_t k = 0; k < s->n_task; k++)
            if (strcmp(s->task[k]->task, task) == 0 && s->task[k]->precision == s->precision)
                measure->value[i] = s->task[k]->score;
    }
    drop_empty(m, b);
    return 0;
}

static int add_tasks(struct bit_branch_measures *m, const struct bit_branches *b)
{
    char name[2 * BIT_NAME_MAX];
    int err = 0;

    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < b->run[i].curves.status->n_task && err == 0; k++) {
            const char *task = b->run[i].curves.status->task[k]->task;
            bit_format(name, sizeof name, "task %s", task);
            if (bit_branch_measures_find(m, name) == SIZE_MAX)
                err = add_task(m, b, task, name);
        }
    return err;
}

/* ---- the training loss */

static int add_loss(struct bit_branch_measures *m, const struct bit_branches *b, size_t last)
{
    struct bit_branch_measure *measure = add(m, b, BIT_MEASURE_LOSS);

    if (measure == NULL)
        return bit_fail(-ENOMEM, "measures");
    bit_format(measure->name, sizeof measure->name, "train loss");
    bit_format(measure->what, sizeof measure->what, "mean of the last %zu training losses", last);
    for (size_t i = 0; i < b->count; i++) {
        const struct bit_run_curves *c = &b->run[i].curves;
        if (c->count > 0)
            measure->value[i] = bit_recovery_level(c->curve->point, c->curve->count, last);
    }
    drop_empty(m, b);
    return 0;
}

/* The loss curve of the trunk's run with the same seed. */
static const struct bit_run_curve *trunk_of(const struct bit_branches *b, size_t run, size_t trunk)
{
    for (size_t i = 0; i < b->count; i++)
        if (i != run && b->run[i].branch == trunk && strcmp(b->run[i].seed, b->run[run].seed) == 0 &&
            b->run[i].curves.count > 0)
            return b->run[i].curves.curve;
    return NULL;
}

static int measure_run(const struct bit_branches *b, size_t i, const struct bit_branch_measures_asked *asked,
                       struct bit_branch_measure *three[3])
{
    const struct bit_run_curves *c = &b->run[i].curves;
    const struct bit_run_curve *trunk = trunk_of(b, i, asked->trunk);
    const Bit__SwitchSpec *sw = c->status->spec != NULL && c->status->spec->phases != NULL
                                    ? c->status->spec->phases->switch_
                                    : NULL;
    const struct bit_recovery_asked ask = {c->switch_after, sw != NULL ? sw->ramp_steps : 0, asked->last,
                                           asked->smooth};
    struct bit_recovery got;

    if (c->count == 0 || c->switch_after == UINT64_MAX || c->switch_after == 0)
        return 0;
    int err = bit_recovery_find(&ask, c->curve->point, c->curve->count, trunk != NULL ? trunk->point : NULL,
                                trunk != NULL ? trunk->count : 0, &got);
    if (err < 0)
        return err;
    three[0]->value[i] = got.spike;
    three[1]->value[i] = got.recovered > 0 ? (double)got.recovered : INFINITY;
    if (trunk != NULL)
        three[2]->value[i] = got.met > 0 ? (double)got.met : INFINITY;
    return 0;
}

static int add_recovery(struct bit_branch_measures *m, const struct bit_branches *b,
                        const struct bit_branch_measures_asked *asked)
{
    static const char *const names[] = {"spike", "recovered", "to trunk"};
    struct bit_branch_measure *three[3];
    int err = 0;

    for (int k = 0; k < 3; k++)
        if (add(m, b, k == 0 ? BIT_MEASURE_LOSS : BIT_MEASURE_STEPS) == NULL)
            return bit_fail(-ENOMEM, "measures");
    for (int k = 0; k < 3; k++) {
        three[k] = &m->measure[m->count - 3 + (size_t)k];
        bit_format(three[k]->name, sizeof three[k]->name, "%s", names[k]);
    }
    bit_format(three[0]->what, sizeof three[0]->what,
               "highest loss of the ramp and the %zu steps after it, less the mean of the last %zu before the switch",
               asked->last, asked->last);
    bit_format(three[1]->what, sizeof three[1]->what,
               "steps after the switch until the mean of %zu losses is no higher than before it", asked->smooth);
    bit_format(
        three[2]->what, sizeof three[2]->what,
        "steps after the switch until the mean of %zu losses is no higher than that of the trunk's run of its seed",
        asked->smooth);
    for (size_t i = 0; i < b->count && err == 0; i++)
        err = measure_run(b, i, asked, three);
    return err;
}

int bit_branch_measures_make(const struct bit_branches *b, const struct bit_branch_measures_asked *asked,
                             struct bit_branch_measures *out)
{
    *out = (struct bit_branch_measures){.count = 0};
    int err = add_sets(out, b);

    if (err == 0)
        err = add_loss(out, b, asked->last);
    if (err == 0)
        err = add_recovery(out, b, asked);
    for (int k = 0; k < 3 && err == 0; k++) /* from the last one backwards: drop_empty looks at the last measure only */
        drop_empty(out, b);
    return err < 0 ? err : add_tasks(out, b);
}
