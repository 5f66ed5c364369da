#include "ctl/compare/effects.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

/* ---- grids */

static const char *set_of(const struct bit_effects_asked *k, size_t branch, size_t field)
{
    return k->set[branch * k->fields + field];
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool alike(const struct bit_effects_asked *k, size_t a, size_t b, size_t field)
{
    return same(set_of(k, a, field), set_of(k, b, field));
}

/* Whether both branches set the same fields. */
static bool of_one_grid(const struct bit_effects_asked *k, size_t a, size_t b)
{
    for (size_t f = 0; f < k->fields; f++)
        if ((set_of(k, a, f) == NULL) != (set_of(k, b, f) == NULL))
            return false;
    return true;
}

bool bit_effects_go_along(const struct bit_effects_asked *k, size_t branch, size_t field, size_t other)
{
    for (size_t a = 0; a < k->branches; a++)
        for (size_t b = 0; b < a; b++)
            if (of_one_grid(k, branch, a) && of_one_grid(k, branch, b) &&
                alike(k, a, b, field) != alike(k, a, b, other))
                return false;
    return true;
}

/* Whether two branches differ in this field and in no field that does not go along with it. */
static bool match(const struct bit_effects_asked *k, size_t a, size_t b, size_t field)
{
    if (!of_one_grid(k, a, b) || alike(k, a, b, field))
        return false;
    for (size_t f = 0; f < k->fields; f++)
        if (!alike(k, a, b, f) && !bit_effects_go_along(k, a, field, f))
            return false;
    return true;
}

static bool is_single(const struct bit_effects_asked *k, size_t branch)
{
    for (size_t b = 0; b < k->branches; b++)
        for (size_t f = 0; f < k->fields; f++)
            if (match(k, branch, b, f))
                return false;
    return true;
}

/* ---- results */

struct found {
    struct bit_effect *item;
    size_t count;
    size_t *a, *b; /* the pairs of one effect; b has the later value */
    size_t pairs;
    double *mean_a, *mean_b; /* for each seed that counts, over the pairs */
    bool *single;            /* for each branch */
};

static double value_of(const struct bit_effects_asked *k, size_t branch, size_t seed)
{
    return k->value[branch * k->seeds + seed];
}

static bool has_seed(const struct bit_effects_asked *k, const struct found *r, size_t pair, size_t seed)
{
    return isfinite(value_of(k, r->a[pair], seed)) && isfinite(value_of(k, r->b[pair], seed));
}

/* Drop pairs for which no seed has a value in both branches. */
static void drop_empty_pairs(const struct bit_effects_asked *k, struct found *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->pairs; i++) {
        bool any = false;
        for (size_t s = 0; s < k->seeds; s++)
            any |= has_seed(k, r, i, s);
        r->a[kept] = r->a[i];
        r->b[kept] = r->b[i];
        kept += any;
    }
    r->pairs = kept;
}

static bool all_have(const struct bit_effects_asked *k, const struct found *r, size_t seed)
{
    for (size_t i = 0; i < r->pairs; i++)
        if (!has_seed(k, r, i, seed))
            return false;
    return true;
}

static void average(const struct bit_effects_asked *k, struct found *r, struct bit_effect *e)
{
    for (size_t s = 0; s < k->seeds; s++) {
        if (!all_have(k, r, s))
            continue;
        double a = 0, b = 0;
        for (size_t i = 0; i < r->pairs; i++) {
            a += value_of(k, r->a[i], s) / (double)r->pairs;
            b += value_of(k, r->b[i], s) / (double)r->pairs;
        }
        r->mean_a[e->seeds] = a;
        r->mean_b[e->seeds++] = b;
    }
}

static size_t count_agreeing(const struct bit_effects_asked *k, const struct found *r, bool turned)
{
    size_t n = 0;

    for (size_t s = 0; s < k->seeds; s++)
        for (size_t i = 0; all_have(k, r, s) && i < r->pairs; i++) {
            const double a = value_of(k, r->a[i], s), b = value_of(k, r->b[i], s);
            n += turned ? b < a : a < b;
        }
    return n;
}

/* Add the gathered pairs as one effect. */
static int add(const struct bit_effects_asked *k, struct found *r, size_t field, size_t single)
{
    struct bit_effect e = {.field = field, .single = single};
    const size_t a = r->pairs > 0 ? r->a[0] : 0, b = r->pairs > 0 ? r->b[0] : 0;

    drop_empty_pairs(k, r);
    if (r->pairs > 0)
        average(k, r, &e);
    if (e.seeds == 0)
        return 0;
    bit_t_test_paired(r->mean_a, r->mean_b, e.seeds, &e.test);
    const bool turned = e.test.difference < 0;
    if (turned)
        bit_t_test_paired(r->mean_b, r->mean_a, e.seeds, &e.test);
    e.lower = turned ? b : a;
    e.higher = turned ? a : b;
    e.pairs = r->pairs;
    e.agree = count_agreeing(k, r, turned);
    struct bit_effect *grown = realloc(r->item, (r->count + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "effects");
    r->item = grown;
    r->item[r->count++] = e;
    return 0;
}

/* ---- of fields */

/* Whether the field has several values in the branch's grid, single branches excluded. */
static bool varies(const struct bit_effects_asked *k, const struct found *r, size_t branch, size_t field)
{
    for (size_t b = 0; b < k->branches; b++)
        if (!r->single[b] && of_one_grid(k, branch, b) && !alike(k, branch, b, field))
            return true;
    return false;
}

/* Whether the field varies and goes along with no earlier field. */
static bool leads(const struct bit_effects_asked *k, const struct found *r, size_t branch, size_t field)
{
    if (!varies(k, r, branch, field))
        return false;
    for (size_t f = 0; f < field; f++)
        if (bit_effects_go_along(k, branch, field, f))
            return false;
    return true;
}

static size_t count_leading(const struct bit_effects_asked *k, const struct found *r, size_t branch)
{
    size_t n = 0;

    for (size_t f = 0; f < k->fields; f++)
        n += leads(k, r, branch, f);
    return n;
}

/* Whether the branch is the first in its grid with its value of the field, single branches excluded. */
static bool is_first(const struct bit_effects_asked *k, const struct found *r, size_t branch, size_t field)
{
    for (size_t b = 0; b < branch; b++)
        if (!r->single[b] && of_one_grid(k, b, branch) && alike(k, b, branch, field))
            return false;
    return !r->single[branch];
}

static bool is_first_of_grid(const struct bit_effects_asked *k, const struct found *r, size_t branch)
{
    for (size_t b = 0; b < branch; b++)
        if (!r->single[b] && of_one_grid(k, b, branch))
            return false;
    return !r->single[branch] && count_leading(k, r, branch) > 1;
}

static int add_values(const struct bit_effects_asked *k, struct found *r, size_t field, size_t u, size_t v)
{
    r->pairs = 0;
    for (size_t a = 0; a < k->branches; a++)
        for (size_t b = 0; b < k->branches; b++)
            if (of_one_grid(k, a, u) && alike(k, a, u, field) && alike(k, b, v, field) && match(k, a, b, field)) {
                r->a[r->pairs] = a;
                r->b[r->pairs++] = b;
                break;
            }
    return add(k, r, field, SIZE_MAX);
}

static int add_field(const struct bit_effects_asked *k, struct found *r, size_t grid, size_t field)
{
    int err = 0;

    for (size_t u = 0; u < k->branches; u++)
        for (size_t v = u + 1; v < k->branches && err == 0; v++)
            if (of_one_grid(k, u, grid) && of_one_grid(k, v, grid) && is_first(k, r, u, field) &&
                is_first(k, r, v, field))
                err = add_values(k, r, field, u, v);
    return err;
}

static int add_fields(const struct bit_effects_asked *k, struct found *r)
{
    int err = 0;

    for (size_t g = 0; g < k->branches; g++)
        for (size_t f = 0; is_first_of_grid(k, r, g) && f < k->fields && err == 0; f++)
            if (leads(k, r, g, f))
                err = add_field(k, r, g, f);
    return err;
}

/* ---- of single branches */

static bool grid_has(const struct bit_effects_asked *k, const struct found *r, size_t grid, size_t field,
                     const char *value)
{
    for (size_t b = 0; b < k->branches; b++)
        if (!r->single[b] && of_one_grid(k, b, grid) && same(set_of(k, b, field), value))
            return true;
    return false;
}

/*
 * Choose the field with whose values a single branch is compared: the first one whose value in the single branch does
 * not occur in the grid, else the first.
 */
static size_t choose_field(const struct bit_effects_asked *k, const struct found *r, size_t grid, size_t single)
{
    size_t first = SIZE_MAX;

    for (size_t f = 0; f < k->fields; f++) {
        if (!leads(k, r, grid, f))
            continue;
        if (!grid_has(k, r, grid, f, set_of(k, single, f)))
            return f;
        if (first == SIZE_MAX)
            first = f;
    }
    return first;
}

static int add_single(const struct bit_effects_asked *k, struct found *r, size_t grid, size_t single)
{
    const size_t field = choose_field(k, r, grid, single);
    int err = 0;

    for (size_t v = 0; v < k->branches && err == 0; v++) {
        if (!of_one_grid(k, v, grid) || !is_first(k, r, v, field))
            continue;
        r->pairs = 0;
        for (size_t b = 0; b < k->branches; b++)
            if (!r->single[b] && of_one_grid(k, b, grid) && alike(k, b, v, field)) {
                r->a[r->pairs] = single;
                r->b[r->pairs++] = b;
            }
        err = add(k, r, field, single);
    }
    return err;
}

static int add_singles(const struct bit_effects_asked *k, struct found *r)
{
    int err = 0;

    for (size_t s = 0; s < k->branches; s++)
        for (size_t g = 0; r->single[s] && g < k->branches && err == 0; g++)
            if (is_first_of_grid(k, r, g))
                err = add_single(k, r, g, s);
    return err;
}

/* ---- all */

static int correct(struct found *r)
{
    double *p = calloc(r->count + 1, sizeof *p);
    size_t n = 0;

    if (p == NULL)
        return bit_fail(-ENOMEM, "effects");
    for (size_t i = 0; i < r->count; i++)
        if (r->item[i].test.known)
            p[n++] = r->item[i].test.p;
    int err = bit_t_test_holm(p, n);
    for (size_t i = 0, at = 0; i < r->count; i++)
        if (r->item[i].test.known)
            r->item[i].p_holm = p[at++];
    free(p);
    return err;
}

int bit_effects_find(const struct bit_effects_asked *k, struct bit_effect **out, size_t *count)
{
    const size_t n = k->branches + 1;
    struct found r = {.a = calloc(n, sizeof *r.a),
                      .b = calloc(n, sizeof *r.b),
                      .mean_a = calloc(k->seeds + 1, sizeof *r.mean_a),
                      .mean_b = calloc(k->seeds + 1, sizeof *r.mean_b),
                      .single = calloc(n, sizeof *r.single)};
    int err = 0;

    if (r.a == NULL || r.b == NULL || r.mean_a == NULL || r.mean_b == NULL || r.single == NULL)
        err = bit_fail(-ENOMEM, "effects");
    for (size_t b = 0; err == 0 && b < k->branches; b++)
        r.single[b] = is_single(k, b);
    if (err == 0)
        err = add_fields(k, &r);
    if (err == 0)
        err = add_singles(k, &r);
    if (err == 0)
        err = correct(&r);
    free(r.a);
    free(r.b);
    free(r.mean_a);
    free(r.mean_b);
    free(r.single);
    if (err < 0)
        free(r.item);
    *out = err < 0 ? NULL : r.item;
    *count = err < 0 ? 0 : r.count;
    return err;
}
