#include "ctl/client/branches.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/sweep_word.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"

void bit_branches_finish(struct bit_branches *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->run[i].key);
        if (b->borrowed)
            continue;
        bit_run_curves_finish(&b->run[i].curves);
        for (size_t k = 0; k < b->run[i].n_set; k++)
            free(b->run[i].set[k]);
        free(b->run[i].set);
    }
    free(b->run);
    free(b->label);
    *b = (struct bit_branches){.count = 0};
}

size_t bit_branches_size(const struct bit_branches *b, size_t branch)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++)
        n += b->run[i].branch == branch;
    return n;
}

/* ---- what must be the same in a branch */

static void clear(ProtobufCMessage **part)
{
    bit_msg_free(*part);
    *part = NULL;
}

Bit__RunSpec *bit_branches_spec(const struct bit_branch_run *run)
{
    const Bit__RunSpec *spec = run->curves.status->spec;
    Bit__RunSpec *copy = spec != NULL ? bit_msg_clone(spec) : NULL;

    if (copy == NULL)
        return NULL;
    free(copy->name);
    copy->name = NULL;
    if (copy->model != NULL)
        copy->model->has_init_seed = false;
    if (copy->data != NULL)
        copy->data->has_seed = false;
    copy->has_shared = false;
    clear((ProtobufCMessage **)&copy->checkpoint);
    clear((ProtobufCMessage **)&copy->eval);
    clear((ProtobufCMessage **)&copy->launch);
    return copy;
}

static int make_key(struct bit_branch_run *run)
{
    Bit__RunSpec *spec = bit_branches_spec(run);

    if (spec == NULL)
        return bit_fail(-ENOMEM, "a specification");
    int err = bit_text_print(&spec->base, &run->key, NULL);
    bit_msg_free(spec);
    return err;
}

static void write_seed(const Bit__RunSpec *spec, char out[BIT_BRANCH_SEED])
{
    bit_format(out, BIT_BRANCH_SEED, "model %" PRIu64 ", data %" PRIu64, spec->model ? spec->model->init_seed : 0,
               spec->data ? spec->data->seed : 0);
}

/* ---- requests */

static bool is_there(const struct bit_branches *b, const char *run)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->run[i].curves.status->run, run) == 0)
            return true;
    return false;
}

static int make_room(struct bit_branches *b)
{
    struct bit_branch_run *grown = realloc(b->run, (b->count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "runs");
    b->run = grown;
    grown[b->count] = (struct bit_branch_run){.key = NULL};
    return 0;
}

/* Opens a run as the next one, unless it is in the list already. The exit code. */
static int open_run(struct bit_cli *cli, const char *name, const char *label, struct bit_branches *b)
{
    int err = make_room(b);
    int code = err < 0 ? bit_failure_print(cli, err) : bit_run_curves_open(cli, name, &b->run[b->count].curves);

    if (code != 0)
        return code;
    struct bit_branch_run *r = &b->run[b->count];
    if (is_there(b, r->curves.status->run)) {
        bit_run_curves_finish(&r->curves);
        return 0;
    }
    b->count++;
    bit_format(r->given, sizeof r->given, "%s", label);
    err = make_key(r);
    if (err < 0)
        return bit_failure_print(cli, err);
    write_seed(r->curves.status->spec, r->seed);
    return 0;
}

/* The branch's label without the seed at its end: only the fields in which it differs from the other branches. */
static void write_label(const Bit__SweepBranch *branch, char out[BIT_BRANCH_LABEL])
{
    char seed[32];
    size_t bytes = strlen(branch->label);

    snprintf(seed, sizeof seed, "seed=%u", branch->seed);
    if (branch->has_seed && bytes >= strlen(seed) && strcmp(branch->label + bytes - strlen(seed), seed) == 0)
        bytes -= strlen(seed);
    while (bytes > 0 && branch->label[bytes - 1] == ' ')
        bytes--;
    bit_format(out, BIT_BRANCH_LABEL, "%.*s", (int)bytes, branch->label);
}

static int keep_assignments(struct bit_branch_run *r, const Bit__SweepBranch *branch)
{
    r->of_sweep = true;
    r->set = calloc(branch->n_set + 1, sizeof *r->set);
    if (r->set == NULL)
        return bit_fail(-ENOMEM, "assignments");
    for (; r->n_set < branch->n_set; r->n_set++) {
        r->set[r->n_set] = strdup(branch->set[r->n_set]);
        if (r->set[r->n_set] == NULL)
            return bit_fail(-ENOMEM, "assignments");
    }
    return 0;
}

/* A run that is in the list already keeps the label under which it was added first. */
static int open_branch(struct bit_cli *cli, const Bit__SweepBranch *branch, const char *label, struct bit_branches *b)
{
    const size_t before = b->count;
    int code = open_run(cli, branch->run, label, b);
    int err = code == 0 && b->count > before ? keep_assignments(&b->run[before], branch) : 0;

    return err < 0 ? bit_failure_print(cli, err) : code;
}

/* Opens those branches of a sweep that have a run already. */
static int open_sweep(struct bit_cli *cli, const char *id, struct bit_branches *b)
{
    Bit__SweepReply *sweep = NULL;
    char label[BIT_BRANCH_LABEL];
    int code = bit_sweep_word_ask(cli, id, &sweep);

    for (size_t i = 0; code == 0 && i < sweep->n_branch; i++) {
        write_label(sweep->branch[i], label);
        if (sweep->branch[i]->run != NULL)
            code = open_branch(cli, sweep->branch[i], label[0] != '\0' ? label : sweep->name, b);
    }
    if (code == 0 && b->count == 0)
        code = bit_failure_print(cli, bit_fail(BIT_ESTATE, "%s has no run yet", sweep->sweep));
    bit_msg_free(sweep);
    return code;
}

/* A run, "RUN=LABEL", or a sweep. */
static int open_word(struct bit_cli *cli, const char *word, struct bit_branches *b)
{
    const char *equals = strchr(word, '=');
    char *name = equals != NULL ? strndup(word, (size_t)(equals - word)) : strdup(word);
    char sweep[BIT_RUN_ID_MAX];

    if (name == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "the name of a run"));
    int code = equals == NULL ? bit_sweep_word(cli, name, sweep) : 0;
    if (code == 0)
        code = open_run(cli, name, equals != NULL ? equals + 1 : "", b);
    else if (code < 0)
        code = open_sweep(cli, sweep, b);
    free(name);
    return code;
}

/* ---- branches and their labels */

static bool is_of_branch(const struct bit_branches *b, size_t branch, const struct bit_branch_run *r)
{
    for (size_t i = 0; i < b->count && &b->run[i] < r; i++) {
        const struct bit_branch_run *other = &b->run[i];
        if (other->branch != branch)
            continue;
        if (*r->given || *other->given) {
            if (strcmp(r->given, other->given) != 0)
                return false;
        } else if (strcmp(r->key, other->key) != 0 || strcmp(r->seed, other->seed) == 0) {
            return false;
        }
    }
    return true;
}

static void part_into_branches(struct bit_branches *b)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t branch = 0;
        while (branch < b->branches && !is_of_branch(b, branch, &b->run[i]))
            branch++;
        b->run[i].branch = branch;
        b->branches = BIT_MAX(b->branches, branch + 1);
    }
}

/* The common beginning of a branch's run names: "keep" of "keep-1" and "keep-2"; or the first one's name. */
static void write_common(const struct bit_branches *b, size_t branch, char out[BIT_BRANCH_LABEL])
{
    const char *first = NULL;
    size_t bytes = 0;

    for (size_t i = 0; i < b->count; i++) {
        const char *name = b->run[i].curves.status->name;
        if (b->run[i].branch != branch)
            continue;
        if (first == NULL) {
            first = name;
            bytes = strlen(name);
        }
        for (size_t k = 0; k < bytes; k++)
            if (name[k] != first[k])
                bytes = k;
    }
    const size_t all = strlen(first);
    while (bytes > 0 && bytes < all && strchr("-._", first[bytes - 1]) != NULL)
        bytes--;
    bit_format(out, BIT_BRANCH_LABEL, "%.*s", (int)(bytes > 0 ? bytes : all), first);
}

static const struct bit_branch_run *first_of(const struct bit_branches *b, size_t branch)
{
    const struct bit_branch_run *r = b->run;

    while (r->branch != branch)
        r++;
    return r;
}

/* Branches with the same label get the id of their first run after it. */
static int write_labels(struct bit_branches *b)
{
    bool *twice = calloc(b->branches, sizeof *twice);

    b->label = calloc(b->branches, sizeof *b->label);
    if (b->label == NULL || twice == NULL) {
        free(twice);
        return bit_fail(-ENOMEM, "labels");
    }
    for (size_t i = 0; i < b->branches; i++) {
        const struct bit_branch_run *first = first_of(b, i);
        if (*first->given)
            memcpy(b->label[i], first->given, sizeof first->given);
        else
            write_common(b, i, b->label[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(b->label[k], b->label[i]) == 0)
                twice[k] = twice[i] = true;
    }
    for (size_t i = 0; i < b->branches; i++)
        if (twice[i])
            bit_format_more(b->label[i], sizeof b->label[i], " (%s)", first_of(b, i)->curves.status->run);
    free(twice);
    return 0;
}

int bit_branches_part(struct bit_branches *b)
{
    int err = 0;

    for (size_t i = 0; i < b->count && err == 0; i++) {
        err = make_key(&b->run[i]);
        write_seed(b->run[i].curves.status->spec, b->run[i].seed);
    }
    if (err < 0)
        return err;
    part_into_branches(b);
    return write_labels(b);
}

int bit_branches_open(struct bit_cli *cli, char *const *words, size_t count, struct bit_branches *out)
{
    *out = (struct bit_branches){.count = 0};
    for (size_t i = 0; i < count; i++) {
        int code = open_word(cli, words[i], out);
        if (code != 0)
            return code;
    }
    part_into_branches(out);
    int err = write_labels(out);
    return err < 0 ? bit_failure_print(cli, err) : 0;
}
