#include "ctl/spec/sweep_submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/spec/sweep_labels.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

/* ---- reading */

static int refuse_one(struct bit_cli *cli, const char *path, const struct bit_problems *problems, bool submits, int err)
{
    struct bit_spec_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return bit_failure_print(cli, -ENOMEM);
    f->path = path;
    f->problems = *problems;
    f->submits = submits;
    int code = bit_spec_file_refuse(cli, f, err);
    free(f);
    return code;
}

static void move_all(struct bit_problems *from, struct bit_problems *to)
{
    for (int i = 0; i < bit_problems_kept(from); i++) {
        const struct bit_problem *p = &from->item[i];
        if (p->line == 0) /* in no file; remove the place that the field has in the other file */
            bit_problems_place(to, p->field, 0, 0);
        bit_problems_add(to, p->field, p->line, p->column, "%s", p->text);
    }
    from->count = 0;
}

/*
 * Prints problems of the specification's file, then of the sweep's; all together as JSON, or if there is only one file.
 */
static int refuse(struct bit_cli *cli, struct bit_sweep_submit *s, int err)
{
    struct bit_sweep_file *f = &s->file;
    const bool both = f->problems.count > 0 && f->base_problems.count > 0;

    if (f->base_path != NULL && (cli->json || !f->is_sweep) && f->problems.count > 0)
        move_all(&f->problems, &f->base_problems);
    if (f->base_problems.count == 0)
        return refuse_one(cli, f->path, &f->problems, !s->run.dry_run, err);
    int code = refuse_one(cli, f->base_path, &f->base_problems, !s->run.dry_run && !both, err);
    return f->problems.count > 0 ? refuse_one(cli, f->path, &f->problems, !s->run.dry_run, err) : code;
}

static void choose_name(struct bit_sweep_submit *s)
{
    const struct bit_sweep_file *f = &s->file;
    const char *name = s->run.name != NULL ? s->run.name : f->sweep->name;

    if (name == NULL && !f->is_sweep)
        name = f->base->name;
    if (name != NULL)
        snprintf(s->name_used, sizeof s->name_used, "%s", name);
    else
        bit_sweep_file_name(f, s->name_used);
}

/* A field set by --set and by the branches is a mistake: the branches would undo --set. */
static void check_sets(struct bit_sweep_submit *s)
{
    for (size_t i = 0; i < s->run.set_count; i++)
        for (size_t k = 0; k < s->branches.item[0].count; k++)
            if (bit_sweep_keys_overlap(s->run.set[i], s->branches.item[0].set[k].text))
                bit_problems_add(&s->file.problems, NULL, 0, 0, "--set %s: the branches have %s", s->run.set[i],
                                 s->branches.item[0].set[k].text);
}

static int set_all(struct bit_sweep_submit *s)
{
    int err = 0;

    for (size_t i = 0; i < s->run.set_count; i++) {
        int of_this = bit_sweep_file_set(&s->file, s->run.set[i]);
        err = err < 0 ? err : of_this;
    }
    return err;
}

static int expand(struct bit_sweep_submit *s)
{
    Bit__SweepSpec *sweep = s->file.sweep;

    if (s->seeds > 0) {
        sweep->has_seeds = true;
        sweep->seeds = s->seeds;
    }
    int err = bit_sweep_expand(sweep, s->vary, s->vary_count, &s->file.problems, &s->branches);
    if (err == 0)
        err = bit_sweep_labels_make(&s->branches);
    if (err < 0)
        return err;
    check_sets(s);
    s->facts = calloc(s->branches.count, sizeof *s->facts);
    return s->facts == NULL ? bit_fail(-ENOMEM, "a sweep") : bit_sweep_check(&s->file, &s->branches, s->facts);
}

int bit_sweep_submit_read(struct bit_cli *cli, struct bit_sweep_submit *s)
{
    int err = bit_sweep_file_read(&s->file);

    if (err == 0)
        err = set_all(s);
    if (err == 0)
        err = expand(s);
    if (err == 0)
        choose_name(s);
    if (err == 0)
        return 0;
    return s->file.problems.count + s->file.base_problems.count > 0 ? refuse(cli, s, err) : bit_failure_print(cli, err);
}

/* ---- request */

/* A request that borrows from s. */
struct asked {
    Bit__SweepRequest m;
    Bit__SweepBranchAsked *branch, **list;
    char **set;
};

static void forget(struct asked *a)
{
    free(a->branch);
    free(a->list);
    free(a->set);
}

static int make_branches(const struct bit_sweep_submit *s, struct asked *a)
{
    size_t sets = 0, used = 0;

    for (size_t i = 0; i < s->branches.count; i++)
        sets += s->branches.item[i].count;
    a->branch = calloc(s->branches.count, sizeof *a->branch);
    a->list = calloc(s->branches.count, sizeof *a->list);
    a->set = calloc(sets + 1, sizeof *a->set);
    if (a->branch == NULL || a->list == NULL || a->set == NULL)
        return bit_fail(-ENOMEM, "a sweep");
    for (size_t i = 0; i < s->branches.count; i++) {
        const struct bit_sweep_branch *from = &s->branches.item[i];
        Bit__SweepBranchAsked *to = a->list[i] = &a->branch[i];
        bit__sweep_branch_asked__init(to);
        to->label = bit_lend(from->label);
        to->has_seed = from->seed > 0;
        to->seed = from->seed;
        to->set = a->set + used;
        for (; to->n_set < from->count; to->n_set++)
            a->set[used++] = from->set[to->n_set].text;
    }
    a->m.branch = a->list;
    a->m.n_branch = s->branches.count;
    return 0;
}

static int make_request(const struct bit_sweep_submit *s, struct asked *a, char *id)
{
    *a = (struct asked){.m = BIT__SWEEP_REQUEST__INIT};
    bit_request_id(id);
    a->m.spec = s->file.base;
    a->m.name = bit_lend(s->name_used);
    a->m.request_id = s->run.request_id != NULL ? bit_lend(s->run.request_id) : id;
    a->m.directory = s->file.directory;
    a->m.has_dry_run = a->m.dry_run = s->run.dry_run;
    a->m.has_paused = a->m.paused = s->run.paused;
    BIT_QUEUE_OPTIONS_COPY(&a->m, &s->run.queue);
    return make_branches(s, a);
}

int bit_sweep_submit_ask(struct bit_cli *cli, struct bit_sweep_submit *s, Bit__SweepReply **reply)
{
    struct asked a;
    char id[40];
    int err = make_request(s, &a, id);
    int code = err < 0 ? bit_failure_print(cli, err)
                       : bit_connection_ask(cli, BIT_MSG_SWEEP_REQUEST, &a.m, BIT_MSG_SWEEP_REPLY, reply);

    forget(&a);
    return code;
}

/* ---- the plan */

Bit__SweepReply *bit_sweep_submit_alone(const struct bit_sweep_submit *s)
{
    Bit__SweepReply m = BIT__SWEEP_REPLY__INIT;
    Bit__SweepBranch *branch = calloc(s->branches.count, sizeof *branch), **list;

    list = calloc(s->branches.count, sizeof *list);
    if (branch != NULL && list != NULL) {
        m.sweep = bit_lend("");
        m.name = bit_lend(s->name_used);
        m.state = BIT__RUN_STATE__QUEUED;
        m.has_dry_run = m.dry_run = true;
        for (size_t i = 0; i < s->branches.count; i++) {
            list[i] = &branch[i];
            bit__sweep_branch__init(list[i]);
            list[i]->label = bit_lend(s->branches.item[i].label);
            list[i]->name = bit_lend("");
            list[i]->state = BIT__RUN_STATE__QUEUED;
            list[i]->steps = s->facts[i].steps;
            m.steps_alone += s->facts[i].steps;
        }
        m.steps_planned = m.steps_alone;
        m.branch = list;
        m.n_branch = s->branches.count;
    }
    Bit__SweepReply *copy = m.branch != NULL ? bit_msg_clone(&m) : NULL;
    free(branch);
    free(list);
    return copy;
}

uint64_t bit_sweep_submit_tokens(const struct bit_sweep_submit *s, const Bit__SweepReply *plan)
{
    uint64_t tokens = 0;

    for (size_t i = 0; i < plan->n_branch && i < s->branches.count; i++)
        tokens += (plan->branch[i]->steps - BIT_MIN(plan->branch[i]->from_step, plan->branch[i]->steps)) *
                  s->facts[i].step_tokens;
    return tokens;
}

void bit_sweep_submit_finish(struct bit_sweep_submit *s)
{
    for (size_t i = 0; i < s->vary_count; i++)
        bit_msg_free(s->vary[i]);
    bit_sweep_branches_finish(&s->branches);
    bit_sweep_file_finish(&s->file);
    free(s->facts);
    s->facts = NULL;
    s->vary_count = 0;
}
