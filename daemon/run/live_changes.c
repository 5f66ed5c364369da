#include "daemon/run/live_changes.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/run/run.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

void bit_live_changes_finish(struct bit_live_changes *l)
{
    for (size_t i = 0; i < l->span_count; i++)
        bit_msg_free(l->span[i].spec);
    for (size_t i = 0; i < l->old_count; i++)
        bit_msg_free(l->old[i]);
    for (size_t i = 0; i < l->edit_count; i++)
        bit_msg_free(l->edit[i]);
    free(l->span);
    free(l->old);
    free(l->edit);
    *l = (struct bit_live_changes){0};
}

const Bit__RunSpec *bit_run_spec_at(const struct bit_run *run, uint64_t step)
{
    for (size_t i = 0; i < run->live.span_count; i++)
        if (step <= run->live.span[i].until)
            return run->live.span[i].spec;
    return run->spec;
}

/* ---- which fields can be changed */

/* The first entry whose path begins the key, up to a dot, applies. Without a reason the field can be changed. */
static const struct {
    const char *path, *why;
} fields[] = {
    {"schedule.preset", "every field of a run has its value already: name the fields to change"},
    {"schedule", NULL},
    {"optimizer.weight_decay", NULL},
    {"optimizer", "the ranks got it at their launch: use bitctl fork"},
    {"phases.switch.at_step", "bitctl switch --at moves the switch"},
    {"phases.switch.optimizer", "bitctl switch --reset-optimizer or --keep-optimizer"},
    {"phases.switch.beta1", "it is sent with the switch: use bitctl fork"},
    {"phases.switch.beta2", "it is sent with the switch: use bitctl fork"},
    {"phases.switch.", NULL},
    {"checkpoint", NULL},
    {"eval.every", NULL},
    {"eval.at", NULL},
    {"eval.tasks_every", NULL},
    {"eval.tasks_at", NULL},
    {"eval", "the files to evaluate are opened at the launch: use bitctl fork"},
    {"guard.preset", "every field of a run has its value already: name the fields to change"},
    {"guard", NULL},
    {"name", "a run keeps its name: bitctl tag adds tags"},
    {"data", "the position in the data would point to other batches: use bitctl fork"},
    {"launch.ranks", "bitctl resume --ranks"},
};

const char *bit_live_changes_refusal(const char *assignment)
{
    const size_t key = strcspn(assignment, "+=");

    for (size_t i = 0; i < BIT_COUNT(fields); i++) {
        const size_t bytes = strlen(fields[i].path);
        bool inside = fields[i].path[bytes - 1] == '.';
        if (key >= bytes && strncmp(assignment, fields[i].path, bytes) == 0 &&
            (inside || key == bytes || assignment[bytes] == '.'))
            return fields[i].why;
    }
    return "the ranks got it at their launch: use bitctl fork";
}

/* ---- applied */

int bit_live_changes_try(const Bit__RunSpec *spec, const Bit__RunChanged *m, struct bit_problems *problems,
                         Bit__RunSpec **out)
{
    Bit__RunSpec *copy = bit_msg_clone(spec);
    int err = copy == NULL ? bit_fail(-ENOMEM, "a specification") : 0;

    for (size_t i = 0; i < m->n_set && err == 0; i++)
        err = bit_spec_set(copy, m->set[i], problems);
    if (err == 0)
        *out = copy;
    else
        bit_msg_free(copy);
    return err;
}

static int check_one(const Bit__RunSpec *spec, const Bit__RunChanged *m, struct bit_problems *problems)
{
    Bit__RunSpec *copy = NULL;
    int err = bit_live_changes_try(spec, m, problems, &copy);

    if (err == 0)
        err = bit_spec_validate(copy, problems);
    bit_msg_free(copy);
    return BIT_MIN(err, 0);
}

int bit_live_changes_check(const struct bit_run *run, const Bit__RunChanged *m, struct bit_problems *problems)
{
    int err = check_one(run->spec, m, problems);

    for (size_t i = 0; i < run->live.span_count && err == 0; i++)
        if (run->live.span[i].until > m->after_step)
            err = check_one(run->live.span[i].spec, m, problems);
    return err;
}

static int bury(struct bit_live_changes *l, Bit__RunSpec *spec)
{
    Bit__RunSpec **grown = realloc(l->old, (l->old_count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a specification");
    l->old = grown;
    l->old[l->old_count++] = spec;
    return 0;
}

/* Replace `*at` by its changed copy; the old one is kept. */
static int replace(struct bit_live_changes *l, Bit__RunSpec **at, const Bit__RunChanged *m,
                   struct bit_problems *problems)
{
    Bit__RunSpec *copy = NULL;
    int err = bit_live_changes_try(*at, m, problems, &copy);

    if (err < 0)
        return err == BIT_ESPEC ? bit_fail(BIT_ECORRUPT, "a change that cannot be made") : err;
    err = bury(l, *at);
    if (err < 0)
        bit_msg_free(copy);
    else
        *at = copy;
    return err;
}

/* Give the steps up to after_step a specification of their own, which stays as it is. */
static int split(struct bit_run *run, uint64_t after_step)
{
    struct bit_live_changes *l = &run->live;
    struct bit_span *grown = realloc(l->span, (l->span_count + 1) * sizeof *grown);
    size_t at = 0;

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a specification");
    l->span = grown;
    Bit__RunSpec *copy = bit_msg_clone(bit_run_spec_at(run, after_step));
    if (copy == NULL)
        return bit_fail(-ENOMEM, "a specification");
    while (at < l->span_count && l->span[at].until < after_step)
        at++;
    memmove(&l->span[at + 1], &l->span[at], (l->span_count - at) * sizeof *l->span);
    l->span[at] = (struct bit_span){after_step, copy};
    l->span_count++;
    return 0;
}

static bool has_span(const struct bit_live_changes *l, uint64_t until)
{
    for (size_t i = 0; i < l->span_count; i++)
        if (l->span[i].until == until)
            return true;
    return false;
}

static int apply_sets(struct bit_run *run, const Bit__RunChanged *m)
{
    struct bit_live_changes *l = &run->live;
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = problems == NULL ? bit_fail(-ENOMEM, "a change") : 0;

    if (err == 0 && m->after_step > 0 && !has_span(l, m->after_step))
        err = split(run, m->after_step);
    for (size_t i = 0; i < l->span_count && err == 0; i++)
        if (l->span[i].until > m->after_step)
            err = replace(l, &l->span[i].spec, m, problems);
    if (err == 0)
        err = replace(l, &run->spec, m, problems);
    free(problems);
    return err;
}

static int keep(struct bit_live_changes *l, const Bit__RunChanged *m)
{
    Bit__RunChanged **grown = realloc(l->edit, (l->edit_count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a change");
    l->edit = grown;
    if ((l->edit[l->edit_count] = bit_msg_clone(m)) == NULL)
        return bit_fail(-ENOMEM, "a change");
    l->edit_count++;
    return 0;
}

int bit_live_changes_apply(struct bit_run *run, const Bit__RunChanged *m)
{
    int err = keep(&run->live, m);

    if (err == 0 && m->n_set > 0)
        err = apply_sets(run, m);
    if (err == 0 && m->has_skip_from && m->has_skip_to)
        err = bit_rewinds_leave_out(&run->rewinds, m->skip_from, m->skip_to);
    return err;
}
