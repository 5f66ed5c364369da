#include "ctl/client/branch_fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/diff.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

void bit_branch_fields_finish(struct bit_branch_fields *f, const struct bit_branches *b)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->path[i]);
    for (size_t i = 0; f->value != NULL && i < b->branches * BIT_BRANCH_FIELDS_MAX; i++)
        free(f->value[i]);
    free(f->value);
    *f = (struct bit_branch_fields){.count = 0};
}

/* ---- names */

static bool ends_in(const char *path, const char *end)
{
    const size_t bytes = strlen(path), of_end = strlen(end);

    return bytes >= of_end && strcmp(path + bytes - of_end, end) == 0 &&
           (bytes == of_end || path[bytes - of_end - 1] == '.');
}

static const char *shorten(const struct bit_branch_fields *f, size_t which)
{
    const char *path = f->path[which], *from = path + strlen(path);

    while (from > path) {
        bool alone = true;
        for (from--; from > path && from[-1] != '.'; from--)
            ;
        for (size_t i = 0; i < f->count; i++)
            alone &= i == which || !ends_in(f->path[i], from);
        if (alone)
            break;
    }
    return from;
}

/* ---- fields and values */

static bool is_left_out(const char *path, size_t bytes)
{
    static const char *const out[] = {"name", "model.init_seed", "data.seed"};

    for (size_t i = 0; i < BIT_COUNT(out); i++)
        if (strlen(out[i]) == bytes && strncmp(out[i], path, bytes) == 0)
            return true;
    return bytes == 0;
}

/* The index of the path, which is added if it is new; f->count if there is no room for it. -ENOMEM. */
static int find_path(struct bit_branch_fields *f, const char *path, size_t bytes, size_t *out)
{
    for (*out = 0; *out < f->count; ++*out)
        if (strlen(f->path[*out]) == bytes && strncmp(f->path[*out], path, bytes) == 0)
            return 0;
    if (f->count == BIT_BRANCH_FIELDS_MAX)
        return 0;
    f->path[f->count] = strndup(path, bytes);
    if (f->path[f->count] == NULL)
        return bit_fail(-ENOMEM, "fields");
    f->count++;
    return 0;
}

static int take(struct bit_branch_fields *f, size_t branch, const char *path, size_t bytes, const char *value)
{
    size_t which;

    if (is_left_out(path, bytes))
        return 0;
    int err = find_path(f, path, bytes, &which);
    if (err < 0 || which == f->count)
        return err;
    char **place = &f->value[branch * BIT_BRANCH_FIELDS_MAX + which];
    free(*place);
    *place = strdup(value);
    return *place != NULL ? 0 : bit_fail(-ENOMEM, "fields");
}

static const struct bit_branch_run *first_of(const struct bit_branches *b, size_t branch)
{
    const struct bit_branch_run *r = b->run;

    while (r->branch != branch)
        r++;
    return r;
}

static bool is_of_one_kind(const struct bit_branches *b, size_t branch)
{
    const struct bit_branch_run *first = first_of(b, branch);

    for (size_t i = 0; i < b->count; i++)
        if (b->run[i].branch == branch && strcmp(b->run[i].key, first->key) != 0)
            return false;
    return true;
}

/* ---- of a sweep */

static bool all_of_sweeps(const struct bit_branches *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!b->run[i].of_sweep)
            return false;
    return true;
}

static int take_assignments(struct bit_branch_fields *f, const struct bit_branches *b, size_t branch)
{
    const struct bit_branch_run *first = first_of(b, branch);
    int err = 0;

    for (size_t i = 0; i < first->n_set && err == 0; i++) {
        const size_t bytes = strcspn(first->set[i], "=");
        err = take(f, branch, first->set[i], bytes, first->set[i] + bytes + (first->set[i][bytes] == '='));
    }
    return err;
}

/* ---- of specifications */

static int take_both(struct bit_branch_fields *f, size_t branch, const struct bit_diff_setting *d)
{
    int err = take(f, branch, d->path, strlen(d->path), d->b);

    return err < 0 ? err : take(f, 0, d->path, strlen(d->path), d->a);
}

/* A field in which a branch was not found to differ has the first branch's value. */
static int fill(struct bit_branch_fields *f, size_t branches)
{
    for (size_t i = 0; i < branches; i++)
        for (size_t k = 0; k < f->count; k++) {
            char **place = &f->value[i * BIT_BRANCH_FIELDS_MAX + k];
            if (*place == NULL)
                *place = strdup(f->value[k]);
            if (*place == NULL)
                return bit_fail(-ENOMEM, "fields");
        }
    return 0;
}

static int take_differences(struct bit_branch_fields *f, const struct bit_branches *b)
{
    struct bit_diff_setting *d = calloc(BIT_DIFF_SETTINGS_MAX, sizeof *d);
    Bit__RunSpec *first = bit_branches_spec(first_of(b, 0));
    int err = d == NULL || first == NULL ? bit_fail(-ENOMEM, "fields") : 0;

    for (size_t branch = 1; err == 0 && branch < b->branches; branch++) {
        Bit__RunSpec *own = bit_branches_spec(first_of(b, branch));
        const size_t n = own != NULL ? bit_diff_settings(first, own, NULL, d) : 0;
        err = own == NULL ? bit_fail(-ENOMEM, "fields") : 0;
        for (size_t i = 0; i < n && err == 0; i++)
            err = take_both(f, branch, &d[i]);
        bit_msg_free(own);
    }
    free(d);
    bit_msg_free(first);
    return err < 0 ? err : fill(f, b->branches);
}

/* ---- all */

static void clear_mixed(struct bit_branch_fields *f, const struct bit_branches *b)
{
    for (size_t branch = 0; branch < b->branches; branch++)
        for (size_t k = 0; !is_of_one_kind(b, branch) && k < f->count; k++) {
            free(f->value[branch * BIT_BRANCH_FIELDS_MAX + k]);
            f->value[branch * BIT_BRANCH_FIELDS_MAX + k] = NULL;
        }
}

int bit_branch_fields_make(const struct bit_branches *b, struct bit_branch_fields *out)
{
    int err = 0;

    *out = (struct bit_branch_fields){.value = calloc(b->branches * BIT_BRANCH_FIELDS_MAX + 1, sizeof *out->value)};
    if (out->value == NULL)
        return bit_fail(-ENOMEM, "fields");
    if (b->count > 0 && !all_of_sweeps(b))
        err = take_differences(out, b);
    for (size_t i = 0; i < b->branches && err == 0 && all_of_sweeps(b); i++)
        err = take_assignments(out, b, i);
    if (err < 0)
        return err;
    clear_mixed(out, b);
    for (size_t i = 0; i < out->count; i++)
        out->name[i] = shorten(out, i);
    return 0;
}
