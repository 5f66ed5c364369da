#include "ctl/spec/sweep_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_slurm.h"
#include "proto/wire/msg.h"

/* The check of a sweep. `packed` has each branch's specification as bytes, to find branches that are the same. */
struct checking {
    struct bit_sweep_file *file;
    struct bit_sweep_branches *branches;
    struct bit_sweep_facts *facts;
    struct bit_problems *own; /* problems of the branch that is being checked */
    struct packed {
        uint8_t *bytes;
        size_t count;
    } * packed;
};

/* ---- places of problems */

static const struct bit_sweep_set *set_of(const struct bit_sweep_branch *b, const char *field)
{
    for (size_t i = b->count; i-- > 0 && field[0] != '\0';)
        if (bit_sweep_keys_overlap(b->set[i].text, field))
            return &b->set[i];
    return NULL;
}

static bool is_told(const struct bit_problems *p, const char *field, const char *text, int line)
{
    for (int i = 0; i < bit_problems_kept(p); i++)
        if (strcmp(p->item[i].field, field) == 0 && strcmp(p->item[i].text, text) == 0 &&
            (line == 0 || p->item[i].line == line))
            return true;
    return false;
}

/* Whether the key itself is wrong: then every value of it has the same problem. */
static bool is_of_key(const struct bit_sweep_set *set)
{
    static const Bit__RunSpec empty = BIT__RUN_SPEC__INIT;
    struct bit_problems *aside = calloc(1, sizeof *aside);
    Bit__RunSpec *spec = bit_msg_clone(&empty);
    char key[160];

    snprintf(key, sizeof key, "%.*s=", (int)BIT_MIN(bit_sweep_key(set->text), (size_t)128), set->text);
    bool wrong = aside != NULL && spec != NULL && bit_spec_set(spec, key, aside) < 0;
    free(aside);
    bit_msg_free(spec);
    return wrong;
}

/* A problem of a field that the branch sets is reported at the branch's value, once; any other at the specification. */
static void blame(const struct checking *k, const struct bit_sweep_branch *b, const struct bit_problem *p)
{
    struct bit_sweep_file *f = k->file;
    const struct bit_sweep_set *set = set_of(b, p->field);
    char text[BIT_ERR_TEXT_MAX];

    if (set == NULL) {
        if (!is_told(f->base_path != NULL ? &f->base_problems : &f->problems, p->field, p->text, 0))
            bit_sweep_file_blame(f, p->field, p->text);
        return;
    }
    const bool of_key = is_of_key(set);
    if (of_key)
        snprintf(text, sizeof text, "%s", p->text);
    else
        snprintf(text, sizeof text, "%.400s (of %.90s)", p->text, set->text);
    if (!is_told(&f->problems, p->field, text, of_key ? 0 : set->line))
        bit_problems_add(&f->problems, p->field, set->line, set->column, "%s", text);
}

static void take_problems(const struct checking *k, const struct bit_sweep_branch *b)
{
    for (int i = 0; i < bit_problems_kept(k->own); i++)
        blame(k, b, &k->own->item[i]);
}

/* ---- one branch */

static int set_all(const struct checking *k, const struct bit_sweep_branch *b, Bit__RunSpec *spec)
{
    int err = 0;

    for (size_t i = 0; i < b->count && err == 0; i++)
        err = bit_spec_set(spec, b->set[i].text, k->own);
    if (err == 0 && spec->model != NULL && spec->model->from != NULL && k->file->base->model != NULL &&
        (k->file->base->model->from == NULL || strcmp(spec->model->from, k->file->base->model->from) != 0)) {
        bit_problems_add(k->own, "model.from", 0, 0,
                         "it is read once, and cannot vary: model.preset and init_from can");
        err = BIT_ESPEC;
    }
    if (err == 0 && spec->name == NULL && (spec->name = strdup("branch")) == NULL) /* bitd gives the real name */
        err = bit_fail(-ENOMEM, "a branch");
    return err;
}

static int check_rules(const struct checking *k, Bit__RunSpec *spec)
{
    int err = bit_spec_normalise(spec, k->file->directory, k->own);

    if (err == 0)
        err = bit_spec_validate(spec, k->own);
    if ((err == 0 || err == BIT_ESPEC) && bit_spec_check_slurm_options(spec, k->own) < 0)
        err = BIT_ESPEC;
    if (err == 0)
        err = bit_spec_check_new_name(spec, k->own);
    return err;
}

static int add_set(struct bit_sweep_branch *b, const char *key, uint64_t value)
{
    struct bit_sweep_set *grown = realloc(b->set, (b->count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a branch");
    b->set = grown;
    b->set[b->count] = (struct bit_sweep_set){0};
    if (asprintf(&b->set[b->count].text, "%s=%" PRIu64, key, value) < 0)
        return bit_fail(-ENOMEM, "a branch");
    b->count++;
    return 0;
}

/* Seed n adds n - 1 to both seeds of the specification. */
static int add_seed(struct bit_sweep_branch *b, Bit__RunSpec *spec)
{
    int err;

    if (b->seed < 2)
        return 0;
    spec->model->init_seed += b->seed - 1;
    spec->data->seed += b->seed - 1;
    err = add_set(b, "model.init_seed", spec->model->init_seed);
    return err == 0 ? add_set(b, "data.seed", spec->data->seed) : err;
}

static int pack(struct checking *k, size_t which, Bit__RunSpec *spec)
{
    struct packed *p = &k->packed[which];

    free(spec->name);
    spec->name = NULL;
    p->count = bit__run_spec__get_packed_size(spec);
    p->bytes = malloc(p->count + 1);
    if (p->bytes == NULL)
        return bit_fail(-ENOMEM, "a branch");
    bit__run_spec__pack(spec, p->bytes);
    return 0;
}

/* Reports an earlier branch that is the same run under another label. */
static void find_same(const struct checking *k, size_t which)
{
    const struct bit_sweep_branch *b = &k->branches->item[which];

    for (size_t i = 0; i < which; i++)
        if (k->packed[i].bytes != NULL && k->packed[i].count == k->packed[which].count &&
            memcmp(k->packed[i].bytes, k->packed[which].bytes, k->packed[i].count) == 0) {
            bit_problems_add(&k->file->problems, NULL, b->line, b->column,
                             "branches '%s' and '%s' are the same run twice", k->branches->item[i].label, b->label);
            return;
        }
}

static int check_branch(struct checking *k, size_t which)
{
    struct bit_sweep_branch *b = &k->branches->item[which];
    Bit__RunSpec *spec = bit_msg_clone(k->file->base);

    *k->own = k->file->base_problems; /* for the positions of the specification's fields */
    k->own->count = 0;
    int err = spec == NULL ? bit_fail(-ENOMEM, "a branch") : set_all(k, b, spec);
    if (err == 0)
        err = check_rules(k, spec);
    take_problems(k, b);
    if (err == 0)
        err = add_seed(b, spec);
    if (err == 0) {
        k->facts[which].steps = spec->schedule->steps;
        k->facts[which].step_tokens = (uint64_t)spec->batch->instances * spec->model->context;
        err = pack(k, which, spec);
    }
    if (err == 0)
        find_same(k, which);
    bit_msg_free(spec);
    return err;
}

int bit_sweep_check(struct bit_sweep_file *f, struct bit_sweep_branches *b, struct bit_sweep_facts *out)
{
    struct checking k = {f, b, out, malloc(sizeof *k.own), calloc(b->count + 1, sizeof *k.packed)};
    int err = k.own == NULL || k.packed == NULL ? bit_fail(-ENOMEM, "a sweep") : 0;

    for (size_t i = 0; i < b->count && (err == 0 || err == BIT_ESPEC); i++) {
        int of_this = check_branch(&k, i);
        err = of_this < 0 ? of_this : err;
    }
    for (size_t i = 0; k.packed != NULL && i < b->count; i++)
        free(k.packed[i].bytes);
    free(k.packed);
    free(k.own);
    return err == 0 && f->problems.count + f->base_problems.count > 0 ? bit_fail(BIT_ESPEC, "a sweep") : err;
}
