#include "ctl/compare/branch_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/compare/t_test.h"
#include "ctl/compare/table_effects.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static const char *const units[] = {
    [BIT_MEASURE_LOSS] = "loss", [BIT_MEASURE_STEPS] = "steps", [BIT_MEASURE_SHARE] = "share"};

/* The table under construction. `failed` is set when an allocation fails. */
struct making {
    const struct bit_branches *b;
    const struct bit_branch_measures *m;
    bool failed;
};

static void *room(struct making *k, size_t count, size_t bytes)
{
    void *p = calloc(count + 1, bytes);

    k->failed |= p == NULL;
    return p;
}

static char *copy(struct making *k, const char *text)
{
    char *p = strdup(text);

    k->failed |= p == NULL;
    return p;
}

/* ---- one measure of one branch */

struct spread {
    uint32_t count;
    double mean, deviation; /* NaN: undefined */
};

/* An infinite value was not reached during the run; then there is no mean. */
static struct spread spread_of(const double *value, size_t count)
{
    struct spread s = {0, 0, 0};

    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i])) {
            s.count += isfinite(value[i]);
            s.mean += value[i];
        }
    s.mean = s.count > 0 ? s.mean / s.count : NAN;
    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i]))
            s.deviation += (value[i] - s.mean) * (value[i] - s.mean);
    s.deviation = s.count > 1 ? sqrt(s.deviation / (s.count - 1)) : NAN;
    return s;
}

static Bit__TableValue *make_value(struct making *k, size_t run, double value)
{
    Bit__TableValue *out = room(k, 1, sizeof *out);

    if (out == NULL)
        return NULL;
    bit__table_value__init(out);
    out->run = copy(k, k->b->run[run].curves.status->run);
    out->has_value = isfinite(value);
    out->value = out->has_value ? value : 0;
    return out;
}

static void fill_values(struct making *k, size_t branch, const struct bit_branch_measure *m, Bit__TableMeasure *out)
{
    double *value = room(k, k->b->count, sizeof *value);

    out->value = room(k, k->b->count, sizeof *out->value);
    for (size_t i = 0; i < k->b->count && !k->failed; i++)
        if (k->b->run[i].branch == branch) {
            value[out->n_value] = m->value[i];
            out->runs += !isnan(m->value[i]);
            out->value[out->n_value] = make_value(k, i, m->value[i]);
            out->n_value += out->value[out->n_value] != NULL;
        }
    const struct spread s = value != NULL ? spread_of(value, out->n_value) : (struct spread){0, NAN, NAN};
    out->count = s.count;
    out->has_mean = isfinite(s.mean);
    out->mean = out->has_mean ? s.mean : 0;
    out->has_deviation = isfinite(s.deviation);
    out->deviation = out->has_deviation ? s.deviation : 0;
    free(value);
}

static Bit__TableMeasure *make_measure(struct making *k, size_t branch, size_t measure)
{
    const struct bit_branch_measure *m = &k->m->measure[measure];
    Bit__TableMeasure *out = room(k, 1, sizeof *out);

    if (out == NULL)
        return NULL;
    bit__table_measure__init(out);
    out->name = copy(k, m->name);
    out->what = copy(k, m->what);
    out->unit = copy(k, units[m->unit]);
    fill_values(k, branch, m, out);
    return out;
}

/* ---- one branch */

static Bit__TableBranch *make_branch(struct making *k, size_t branch)
{
    Bit__TableBranch *out = room(k, 1, sizeof *out);

    if (out == NULL)
        return NULL;
    bit__table_branch__init(out);
    out->branch = copy(k, k->b->label[branch]);
    out->run = room(k, k->b->count, sizeof *out->run);
    out->seed = room(k, k->b->count, sizeof *out->seed);
    out->measure = room(k, k->m->count, sizeof *out->measure);
    for (size_t i = 0; i < k->b->count && !k->failed; i++)
        if (k->b->run[i].branch == branch) {
            out->run[out->n_run++] = copy(k, k->b->run[i].curves.status->run);
            out->seed[out->n_seed++] = copy(k, k->b->run[i].seed);
        }
    for (size_t i = 0; i < k->m->count && !k->failed; i++) {
        out->measure[i] = make_measure(k, branch, i);
        out->n_measure += out->measure[i] != NULL;
    }
    return out;
}

/* ---- the order */

struct place {
    size_t branch;
    double key; /* ascending */
};

static int by_key(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    if (isnan(one->key) || isnan(other->key))
        return isnan(one->key) - isnan(other->key);
    return one->key != other->key ? (one->key > other->key) - (one->key < other->key)
                                  : (one->branch > other->branch) - (one->branch < other->branch);
}

static double mean_of_branch(const struct bit_branches *b, const struct bit_branch_measure *m, size_t branch)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++)
        if (b->run[i].branch == branch && !isnan(m->value[i])) {
            sum += m->value[i];
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

/* Values of two branches: pairs with the same seed, and all values of each branch. */
struct sides {
    double *pair_a, *pair_b, *a, *b;
    size_t pairs, a_count, b_count;
};

static void gather(const struct bit_branches *b, const double *value, size_t one, size_t other, struct sides *s)
{
    s->pairs = s->a_count = s->b_count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->run[i].branch == other && isfinite(value[i]))
            s->b[s->b_count++] = value[i];
        if (b->run[i].branch != one || !isfinite(value[i]))
            continue;
        s->a[s->a_count++] = value[i];
        for (size_t k = 0; k < b->count; k++)
            if (b->run[k].branch == other && isfinite(value[k]) && strcmp(b->run[i].seed, b->run[k].seed) == 0) {
                s->pair_a[s->pairs] = value[i];
                s->pair_b[s->pairs++] = value[k];
                break;
            }
    }
}

static void fill_order(struct making *k, Bit__TableOrder *out, const struct bit_t_test *t, const char *test,
                       size_t count)
{
    out->count = (uint32_t)count;
    out->difference = t->difference;
    out->test = copy(k, t->known ? test : "none");
    out->has_low = out->has_high = out->has_t = out->has_freedom = out->has_p = out->has_p_holm = t->known;
    if (!t->known)
        return;
    out->low = t->low;
    out->high = t->high;
    out->t = t->t;
    out->freedom = t->freedom;
    out->p = out->p_holm = t->p;
}

static Bit__TableOrder *compare(struct making *k, const struct bit_branch_measure *m, size_t low, size_t high,
                                struct sides *s)
{
    Bit__TableOrder *out = room(k, 1, sizeof *out);
    struct bit_t_test t;

    if (out == NULL)
        return NULL;
    bit__table_order__init(out);
    gather(k->b, m->value, low, high, s);
    const bool paired = s->pairs >= 2 || s->a_count < 2 || s->b_count < 2;
    if (paired && s->pairs > 0)
        bit_t_test_paired(s->pair_a, s->pair_b, s->pairs, &t);
    else
        bit_t_test_welch(s->a, s->a_count, s->b, s->b_count, &t);
    fill_order(k, out, &t, paired ? "paired" : "welch", paired ? s->pairs : s->a_count + s->b_count);
    const bool turned = t.difference < 0; /* among paired runs only, the order of the means can differ */
    out->lower = copy(k, k->b->label[turned ? high : low]);
    out->higher = copy(k, k->b->label[turned ? low : high]);
    if (turned) {
        out->difference = -t.difference;
        out->low = -t.high;
        out->high = -t.low;
        out->t = -t.t;
    }
    return out;
}

static void correct(struct making *k, Bit__Table *table)
{
    double *p = room(k, table->n_order, sizeof *p);
    size_t n = 0;

    for (size_t i = 0; p != NULL && i < table->n_order; i++)
        if (table->order[i]->has_p)
            p[n++] = table->order[i]->p;
    if (p == NULL || bit_t_test_holm(p, n) < 0)
        k->failed = true;
    for (size_t i = 0, at = 0; !k->failed && i < table->n_order; i++) {
        Bit__TableOrder *o = table->order[i];
        if (o->has_p)
            o->p_holm = p[at++];
        o->verdict = copy(k, !o->has_p ? "untested" : o->p_holm < 0.05 ? "holds" : "noise");
    }
    free(p);
}

static void compare_all(struct making *k, const struct bit_branch_measure *m, const struct place *place,
                        Bit__Table *table)
{
    const size_t n = k->b->branches, runs = k->b->count;
    double *four = room(k, 4 * runs, sizeof *four);
    struct sides s = {four, four + runs, four + 2 * runs, four + 3 * runs, 0, 0, 0};

    table->order = room(k, n * (n - 1) / 2, sizeof *table->order);
    for (size_t i = 0; i < n && !k->failed; i++)
        for (size_t j = i + 1; j < n && !k->failed; j++) {
            if (!isfinite(place[i].key) || !isfinite(place[j].key))
                continue;
            table->order[table->n_order] = compare(k, m, place[i].branch, place[j].branch, &s);
            table->n_order += table->order[table->n_order] != NULL;
        }
    free(four);
    if (!k->failed)
        correct(k, table);
}

int bit_branch_table_make(const struct bit_branches *b, const struct bit_branch_measures *m, size_t by,
                          const struct bit_branch_measures_asked *asked, Bit__Table **out)
{
    struct making k = {b, m, false};
    const struct bit_branch_measure *measure = &m->measure[by];
    struct place *place = room(&k, b->branches, sizeof *place);
    Bit__Table *table = room(&k, 1, sizeof *table);

    if (table != NULL)
        bit__table__init(table);
    if (k.failed)
        goto out;
    table->by = copy(&k, measure->name);
    table->last = (uint32_t)asked->last;
    table->smooth = (uint32_t)asked->smooth;
    table->lower_is_better = measure->unit != BIT_MEASURE_SHARE;
    for (size_t i = 0; i < b->branches; i++)
        place[i] = (struct place){i, (table->lower_is_better ? 1 : -1) * mean_of_branch(b, measure, i)};
    qsort(place, b->branches, sizeof *place, by_key);
    table->branch = room(&k, b->branches, sizeof *table->branch);
    for (size_t i = 0; i < b->branches && !k.failed; i++) {
        table->branch[i] = make_branch(&k, place[i].branch);
        table->n_branch += table->branch[i] != NULL;
    }
    if (!k.failed)
        compare_all(&k, measure, place, table);
    if (!k.failed)
        k.failed = bit_table_effects_make(b, measure, table) < 0;
    if (!k.failed) {
        *out = table;
        table = NULL;
    }
out:
    bit_msg_free(table);
    free(place);
    return k.failed ? bit_fail(-ENOMEM, "a table") : 0;
}
