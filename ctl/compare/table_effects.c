#include "ctl/compare/table_effects.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client/branch_fields.h"
#include "ctl/compare/effects.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

struct making {
    const struct bit_branches *b;
    struct bit_branch_fields fields;
    struct bit_effects_asked asked;
    const char **set; /* borrowed by asked; owned, as is value */
    double *value;
};

/* ---- the request */

/* The index of a run's seed among the different seeds, which are numbered in the order of the runs. */
static size_t seed_of(const struct bit_branches *b, size_t run)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++) {
        bool known = false;
        for (size_t k = 0; k < i && !known; k++)
            known = strcmp(b->run[k].seed, b->run[i].seed) == 0;
        if (known)
            continue;
        if (strcmp(b->run[i].seed, b->run[run].seed) == 0)
            return n;
        n++;
    }
    return n;
}

static void fill_values(struct making *k, const struct bit_branch_measure *m)
{
    const size_t seeds = k->asked.seeds;

    for (size_t i = 0; i < k->b->branches * seeds; i++)
        k->value[i] = NAN;
    for (size_t i = k->b->count; i-- > 0;) /* backwards, so that of two runs with the same seed the first counts */
        k->value[k->b->run[i].branch * seeds + seed_of(k->b, i)] = m->value[i];
}

static int ask(struct making *k, const struct bit_branch_measure *m)
{
    size_t seeds = 0;

    for (size_t i = 0; i < k->b->count; i++)
        seeds = BIT_MAX(seeds, seed_of(k->b, i) + 1);
    k->set = calloc(k->b->branches * k->fields.count + 1, sizeof *k->set);
    k->value = calloc(k->b->branches * seeds + 1, sizeof *k->value);
    if (k->set == NULL || k->value == NULL)
        return bit_fail(-ENOMEM, "effects");
    k->asked = (struct bit_effects_asked){k->b->branches, k->fields.count, seeds, k->set, k->value};
    for (size_t i = 0; i < k->b->branches; i++)
        for (size_t f = 0; f < k->fields.count; f++)
            k->set[i * k->fields.count + f] = k->fields.value[i * BIT_BRANCH_FIELDS_MAX + f];
    fill_values(k, m);
    return 0;
}

/* ---- texts */

/* Append a value without its quotes, or "none" if it is empty. */
static void add_value(char *text, size_t room, const char *value)
{
    const size_t all = strlen(value);
    const bool quoted = all >= 2 && (value[0] == '"' || value[0] == '\'') && value[all - 1] == value[0];

    if (text[0] != '\0')
        bit_format_more(text, room, ", ");
    bit_format_more(text, room, "%.*s", all > 0 ? (int)(all - 2 * quoted) : 4, all > 0 ? value + quoted : "none");
}

/* The names of a field and of those that go along with it, and their values in a branch. */
static void write_field(const struct making *k, const struct bit_effect *e, size_t branch, char name[BIT_BRANCH_LABEL],
                        char value[BIT_BRANCH_LABEL])
{
    name[0] = value[0] = '\0';
    for (size_t f = 0; f < k->fields.count; f++) {
        const char *set = k->set[branch * k->fields.count + f];
        if (set == NULL || (f != e->field && !bit_effects_go_along(&k->asked, branch, e->field, f)))
            continue;
        bit_format_more(name, BIT_BRANCH_LABEL, "%s%s", name[0] != '\0' ? ", " : "", k->fields.name[f]);
        add_value(value, BIT_BRANCH_LABEL, set);
    }
}

static void write_side(const struct making *k, const struct bit_effect *e, size_t branch, char name[BIT_BRANCH_LABEL],
                       char out[BIT_BRANCH_LABEL])
{
    char unused[BIT_BRANCH_LABEL];

    if (branch == e->single)
        bit_format(out, BIT_BRANCH_LABEL, "%s", k->b->label[branch]);
    else
        write_field(k, e, branch, name != NULL ? name : unused, out);
}

static int fill_texts(const struct making *k, const struct bit_effect *e, Bit__TableEffect *out)
{
    char name[BIT_BRANCH_LABEL] = "", lower[BIT_BRANCH_LABEL], higher[BIT_BRANCH_LABEL];
    const bool known = e->test.known;

    write_side(k, e, e->lower, name, lower);
    write_side(k, e, e->higher, name, higher);
    out->field = strdup(name);
    out->lower = strdup(lower);
    out->higher = strdup(higher);
    out->verdict = strdup(!known ? "untested" : e->p_holm < 0.05 ? "holds" : "noise");
    if (e->single != SIZE_MAX)
        out->single = strdup(k->b->label[e->single]);
    return out->field == NULL || out->lower == NULL || out->higher == NULL || out->verdict == NULL ||
                   (e->single != SIZE_MAX && out->single == NULL)
               ? bit_fail(-ENOMEM, "effects")
               : 0;
}

static void fill_numbers(const struct bit_effect *e, Bit__TableEffect *out)
{
    out->pairs = (uint32_t)e->pairs;
    out->seeds = (uint32_t)e->seeds;
    out->matched = (uint32_t)(e->pairs * e->seeds);
    out->agree = (uint32_t)e->agree;
    out->difference = e->test.difference;
    out->has_low = out->has_high = out->has_t = out->has_freedom = out->has_p = out->has_p_holm = e->test.known;
    if (!e->test.known)
        return;
    out->low = e->test.low;
    out->high = e->test.high;
    out->t = e->test.t;
    out->freedom = e->test.freedom;
    out->p = e->test.p;
    out->p_holm = e->p_holm;
}

static int add(const struct making *k, const struct bit_effect *e, Bit__Table *table)
{
    Bit__TableEffect *out = calloc(1, sizeof *out);

    if (out == NULL)
        return bit_fail(-ENOMEM, "effects");
    bit__table_effect__init(out);
    table->effect[table->n_effect++] = out;
    fill_numbers(e, out);
    return fill_texts(k, e, out);
}

int bit_table_effects_make(const struct bit_branches *b, const struct bit_branch_measure *m, Bit__Table *table)
{
    struct making k = {.b = b};
    struct bit_effect *found = NULL;
    size_t count = 0;
    int err = bit_branch_fields_make(b, &k.fields);

    if (err == 0)
        err = ask(&k, m);
    if (err == 0)
        err = bit_effects_find(&k.asked, &found, &count);
    if (err == 0) {
        table->effect = calloc(count + 1, sizeof(Bit__TableEffect *));
        err = table->effect == NULL ? bit_fail(-ENOMEM, "effects") : 0;
    }
    for (size_t i = 0; i < count && err == 0; i++)
        err = add(&k, &found[i], table);
    free(found);
    free(k.value);
    free(k.set);
    bit_branch_fields_finish(&k.fields, b);
    return err;
}
