#include "ctl/spec/sweep_expand.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

/* ---- assignments */

size_t bit_sweep_key(const char *assignment)
{
    const size_t key = strcspn(assignment, "=");

    return key > 0 && assignment[key] == '=' && assignment[key - 1] == '+' ? key - 1 : key;
}

bool bit_sweep_keys_overlap(const char *a, const char *b)
{
    const size_t of_a = bit_sweep_key(a), of_b = bit_sweep_key(b), shorter = BIT_MIN(of_a, of_b);
    const char *longer = of_a > of_b ? a : b;

    return strncmp(a, b, shorter) == 0 && (of_a == of_b || longer[shorter] == '.');
}

/* ---- --vary */

/* Bytes up to the next comma that separates values. */
static size_t value_bytes(const char *text)
{
    size_t depth = 0, i = 0;

    for (char quote = '\0'; text[i] != '\0'; i++) {
        if (quote != '\0' && text[i] == '\\' && text[i + 1] != '\0')
            i++;
        else if (quote != '\0')
            quote = text[i] == quote ? '\0' : quote;
        else if (text[i] == '"' || text[i] == '\'')
            quote = text[i];
        else if (strchr("[{", text[i]) != NULL)
            depth++;
        else if (strchr("]}", text[i]) != NULL)
            depth -= depth > 0;
        else if (text[i] == ',' && depth == 0)
            break;
    }
    return i;
}

static int add_value(Bit__SweepVary *v, const char *value, size_t bytes)
{
    char **grown = realloc(v->value, (v->n_value + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "values of %s", v->field);
    v->value = grown;
    v->value[v->n_value] = strndup(value, bytes);
    if (v->value[v->n_value] == NULL)
        return bit_fail(-ENOMEM, "values of %s", v->field);
    v->n_value++;
    return 0;
}

int bit_sweep_vary_parse(const char *text, Bit__SweepVary **out)
{
    const Bit__SweepVary empty = BIT__SWEEP_VARY__INIT;
    const char *equals = strchr(text, '=');
    int err = 0;

    if (equals == NULL || equals == text || equals[-1] == '+' || equals[1] == '\0')
        return bit_fail(BIT_EUSAGE,
                        "--vary takes FIELD=A,B,..., as in --vary phases.switch.at_step=2000,4000, not '%s'", text);
    Bit__SweepVary *v = bit_msg_clone(&empty);
    if (v == NULL || (v->field = strndup(text, (size_t)(equals - text))) == NULL)
        err = bit_fail(-ENOMEM, "--vary");
    for (const char *at = equals + 1; err == 0;) {
        const size_t bytes = value_bytes(at);
        err = add_value(v, at, bytes);
        at += bytes;
        if (*at++ == '\0')
            break;
    }
    if (err == 0)
        *out = v;
    else
        bit_msg_free(v);
    return err;
}

/* ---- axes */

/* A field that varies, in a grid or by --vary. */
struct axis {
    const Bit__SweepVary *vary;
    char path[64]; /* its path in the sweep's file; empty: on the command line */
};

/* The axes of a grid, then those of --vary. */
struct axes {
    struct axis *item;
    size_t count;
};

struct expansion {
    struct bit_problems *problems;
    struct bit_sweep_branches *out;
    Bit__SweepVary *const *extra;
    size_t extra_count, room;
    uint32_t seeds;
};

/* The position in the file; 0 for --vary. */
static void find(const struct expansion *e, const char *path, int *line, int *column)
{
    *line = *column = 0;
    if (path[0] != '\0')
        bit_problems_find(e->problems, path, line, column);
}

__attribute__((format(printf, 3, 4))) static void complain(const struct expansion *e, const char *path, const char *fmt,
                                                           ...)
{
    char text[BIT_ERR_TEXT_MAX];
    va_list args;
    int line, column;

    va_start(args, fmt);
    bit_vformat(text, sizeof text, fmt, args);
    va_end(args);
    find(e, path, &line, &column);
    bit_problems_add(e->problems, line > 0 ? path : NULL, line, column, "%s", text);
}

static void check_axis(const struct expansion *e, const struct axes *a, size_t which)
{
    const struct axis *axis = &a->item[which];

    if (axis->vary->field == NULL || axis->vary->field[0] == '\0') {
        complain(e, axis->path, "name the field that varies, as in field: \"phases.switch.at_step\"");
        return;
    }
    if (axis->vary->n_value == 0)
        complain(e, axis->path, "%s varies, but has no values; give them, as in value: [\"2000\", \"4000\"]",
                 axis->vary->field);
    for (size_t i = 0; i < which; i++)
        if (a->item[i].vary->field != NULL && bit_sweep_keys_overlap(a->item[i].vary->field, axis->vary->field))
            complain(e, axis->path, "%s varies twice: one of its values would undo the other", axis->vary->field);
}

/* The number of combinations; 0: too many. */
static size_t combinations(const struct axes *a)
{
    size_t all = 1;

    for (size_t i = 0; i < a->count; i++) {
        all *= a->item[i].vary->n_value;
        if (all > BIT_SWEEP_BRANCHES_MAX)
            return 0;
    }
    return all;
}

/* ---- branches */

static struct bit_sweep_branch *new_branch(struct expansion *e, size_t sets)
{
    struct bit_sweep_branches *b = e->out;

    if (b->count == e->room) {
        const size_t room = e->room ? 2 * e->room : 16;
        struct bit_sweep_branch *grown = realloc(b->item, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        b->item = grown;
        e->room = room;
    }
    struct bit_sweep_branch *branch = &b->item[b->count];
    *branch = (struct bit_sweep_branch){.set = calloc(sets + 1, sizeof *branch->set)};
    if (branch->set == NULL)
        return NULL;
    b->count++;
    return branch;
}

/* The value's place becomes the branch's, too, for the message about a branch that is there twice. */
static int add_set(const struct expansion *e, struct bit_sweep_branch *b, const char *path, const char *key,
                   const char *value)
{
    struct bit_sweep_set *set = &b->set[b->count];

    if (asprintf(&set->text, "%s%s%s", key, value != NULL ? "=" : "", value != NULL ? value : "") < 0) {
        set->text = NULL;
        return bit_fail(-ENOMEM, "a branch");
    }
    find(e, path, &set->line, &set->column);
    if (set->line > 0) {
        b->line = set->line;
        b->column = set->column;
    }
    b->count++;
    return 0;
}

/* Adds the assignments of combination `number`; the last axis varies fastest. */
static int add_axes(const struct expansion *e, struct bit_sweep_branch *b, const struct axes *a, size_t number)
{
    size_t below = combinations(a);
    char path[96];
    int err = 0;

    for (size_t i = 0; i < a->count && err == 0; i++) {
        const Bit__SweepVary *v = a->item[i].vary;
        below /= v->n_value;
        const size_t which = number / below % v->n_value;
        path[0] = '\0';
        if (a->item[i].path[0] != '\0')
            snprintf(path, sizeof path, "%s.value[%zu]", a->item[i].path, which);
        err = add_set(e, b, path, v->field, v->value[which]);
    }
    return err;
}

static int add_combinations(struct expansion *e, const struct axes *a)
{
    const size_t all = combinations(a);
    int err = 0;

    for (size_t i = 0; i < all && err == 0; i++) {
        struct bit_sweep_branch *b = new_branch(e, a->count);
        err = b == NULL ? bit_fail(-ENOMEM, "a branch") : add_axes(e, b, a, i);
    }
    return err;
}

/* Only the axes of --vary. */
static struct axes extra_axes(const struct expansion *e, struct axis room[BIT_SWEEP_VARIES_MAX])
{
    for (size_t i = 0; i < e->extra_count; i++)
        room[i] = (struct axis){e->extra[i], ""};
    return (struct axes){room, e->extra_count};
}

static void check_single(const struct expansion *e, const Bit__SweepSingle *s, size_t number)
{
    char path[64];

    snprintf(path, sizeof path, "branch[%zu]", number);
    for (size_t i = 0; i < s->n_set; i++) {
        for (size_t k = 0; k < i; k++)
            if (strstr(s->set[i], "+=") == NULL && bit_sweep_keys_overlap(s->set[k], s->set[i]))
                complain(e, path, "%s is set twice: one would undo the other", s->set[i]);
        for (size_t k = 0; k < e->extra_count; k++)
            if (bit_sweep_keys_overlap(e->extra[k]->field, s->set[i]))
                complain(e, path, "--vary %s: this branch sets it", e->extra[k]->field);
    }
    if (s->n_set == 0 && s->label == NULL)
        complain(e, path, "a branch without assignments needs a label: \"...\"");
    if (s->label != NULL && (s->label[0] == '\0' || strlen(s->label) > BIT_LABEL_MAX))
        complain(e, path, "a label has 1 to 128 bytes");
}

/* Adds a single branch, once for each combination of --vary. */
static int add_single(struct expansion *e, const Bit__SweepSingle *s, size_t number)
{
    struct axis room[BIT_SWEEP_VARIES_MAX];
    const struct axes a = extra_axes(e, room);
    const size_t all = combinations(&a);
    char path[64];
    int err = 0;

    for (size_t i = 0; i < all && err == 0; i++) {
        struct bit_sweep_branch *b = new_branch(e, s->n_set + a.count);
        if (b == NULL)
            return bit_fail(-ENOMEM, "a branch");
        snprintf(path, sizeof path, "branch[%zu]", number);
        find(e, path, &b->line, &b->column);
        if (s->label != NULL && all == 1)
            snprintf(b->label, sizeof b->label, "%s", s->label);
        for (size_t k = 0; k < s->n_set && err == 0; k++) {
            snprintf(path, sizeof path, "branch[%zu].set[%zu]", number, k);
            err = add_set(e, b, path, s->set[k], NULL);
        }
        err = err == 0 ? add_axes(e, b, &a, i) : err;
    }
    return err;
}

/* ---- grids */

static int add_grid(struct expansion *e, const Bit__SweepGrid *g, size_t number)
{
    struct axes a = {calloc(g->n_vary + e->extra_count + 1, sizeof *a.item), g->n_vary + e->extra_count};
    const int before = e->problems->count;
    char path[64];

    if (a.item == NULL)
        return bit_fail(-ENOMEM, "a grid");
    for (size_t i = 0; i < g->n_vary; i++) {
        a.item[i].vary = g->vary[i];
        snprintf(a.item[i].path, sizeof a.item[i].path, "grid[%zu].vary[%zu]", number, i);
    }
    extra_axes(e, a.item + g->n_vary);
    for (size_t i = 0; i < a.count; i++)
        check_axis(e, &a, i);
    snprintf(path, sizeof path, "grid[%zu]", number);
    if (e->problems->count == before && combinations(&a) == 0)
        complain(e, path, "more branches than the 256 that a sweep may have");
    int err = e->problems->count == before ? add_combinations(e, &a) : 0;
    free(a.item);
    return err;
}

static int add_all(struct expansion *e, const Bit__SweepSpec *s)
{
    static const Bit__SweepGrid none = BIT__SWEEP_GRID__INIT;
    int err = 0;

    for (size_t i = 0; i < s->n_branch; i++)
        check_single(e, s->branch[i], i);
    for (size_t i = 0; i < s->n_branch && err == 0 && e->problems->count == 0; i++)
        err = add_single(e, s->branch[i], i);
    for (size_t i = 0; i < s->n_grid && err == 0; i++)
        err = add_grid(e, s->grid[i], i);
    if (s->n_branch == 0 && s->n_grid == 0 && err == 0)
        err = add_grid(e, &none, 0);
    return err;
}

/* ---- seeds */

static int copy_branch(struct expansion *e, size_t which, uint32_t seed)
{
    const size_t sets = e->out->item[which].count;
    struct bit_sweep_branch *b = new_branch(e, sets);

    if (b == NULL)
        return bit_fail(-ENOMEM, "a branch");
    const struct bit_sweep_branch *from = &e->out->item[which];
    struct bit_sweep_set *set = b->set;
    *b = *from;
    b->set = set;
    b->seed = seed;
    for (b->count = 0; b->count < sets; b->count++) {
        set[b->count] = from->set[b->count];
        set[b->count].text = strdup(from->set[b->count].text);
        if (set[b->count].text == NULL)
            return bit_fail(-ENOMEM, "a branch");
    }
    return 0;
}

static int add_seeds(struct expansion *e)
{
    const size_t count = e->out->count;
    int err = 0;

    if (e->seeds < 2)
        return 0;
    for (size_t i = 0; i < count; i++)
        e->out->item[i].seed = 1;
    for (uint32_t seed = 2; seed <= e->seeds; seed++)
        for (size_t i = 0; i < count && err == 0; i++)
            err = copy_branch(e, i, seed);
    return err;
}

int bit_sweep_expand(const Bit__SweepSpec *sweep, Bit__SweepVary *const *extra, size_t extra_count,
                     struct bit_problems *problems, struct bit_sweep_branches *out)
{
    struct bit_sweep_branches made = {0};
    struct expansion e = {.problems = problems, .out = &made, .extra = extra, .extra_count = extra_count};
    const int before = problems->count;

    BIT_ASSERT(extra_count <= BIT_SWEEP_VARIES_MAX);
    e.seeds = sweep->has_seeds ? sweep->seeds : 1;
    if (e.seeds == 0)
        complain(&e, "seeds", "0: each branch needs at least one");
    int err = add_all(&e, sweep);
    if (err == 0 && problems->count == before && e.seeds > BIT_SWEEP_BRANCHES_MAX / BIT_MAX(made.count, (size_t)1))
        complain(&e, "seeds", "more branches than the 256 that a sweep may have");
    if (err == 0 && problems->count > before)
        err = bit_fail(BIT_ESPEC, "a sweep");
    if (err == 0)
        err = add_seeds(&e);
    if (err == 0)
        *out = made;
    else
        bit_sweep_branches_finish(&made);
    return err;
}

void bit_sweep_branches_finish(struct bit_sweep_branches *b)
{
    for (size_t i = 0; i < b->count; i++) {
        for (size_t k = 0; k < b->item[i].count; k++)
            free(b->item[i].set[k].text);
        free(b->item[i].set);
    }
    free(b->item);
    *b = (struct bit_sweep_branches){0};
}
