#include "daemon/client/sweep/sweep_specs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/submit/submit_check.h"
#include "daemon/run/plans/sweep_plan.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define SET_BYTES_MAX  (256u << 10) /* of all assignments and labels, so that a reply holds them */
#define SPEC_BYTES_MAX (4u << 20)   /* of all specifications */

/* A sweep in the making. */
struct making {
    struct bit_client *c;
    const Bit__SweepRequest *m;
    Bit__SweepPlanned *plan;
    struct bit_problems *all, *own; /* of all branches; of one */
};

/* ---- the request */

static int check_labels(const Bit__SweepRequest *m)
{
    size_t bytes = 0;

    for (size_t i = 0; i < m->n_branch; i++) {
        const Bit__SweepBranchAsked *b = m->branch[i];
        if (b->label[0] == '\0' || strlen(b->label) > BIT_LABEL_MAX)
            return bit_fail(BIT_EUSAGE, "branch %zu: a label has 1 to %d bytes", i + 1, BIT_LABEL_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->branch[k]->label, b->label) == 0)
                return bit_fail(BIT_EUSAGE, "branches %zu and %zu are both labelled '%s'", k + 1, i + 1, b->label);
        bytes += strlen(b->label);
        for (size_t k = 0; k < b->n_set; k++)
            bytes += strlen(b->set[k]);
    }
    if (bytes > SET_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "assignments of %zu bytes; a sweep's have %u at most", bytes, SET_BYTES_MAX);
    return 0;
}

static int check_asked(const Bit__SweepRequest *m)
{
    if (m->n_branch == 0)
        return bit_fail(BIT_EUSAGE, "a sweep without a branch");
    if (m->n_branch > BIT_SWEEP_BRANCHES_MAX)
        return bit_fail(BIT_ELIMIT, "%zu branches; a sweep has %d at most", m->n_branch, BIT_SWEEP_BRANCHES_MAX);
    return check_labels(m);
}

/* ---- a branch */

static bool is_known(const struct bit_problems *all, const struct bit_problem *p)
{
    for (int i = 0; i < bit_problems_kept(all); i++) {
        const char *text = strstr(all->item[i].text, p->text);
        if (strcmp(all->item[i].field, p->field) == 0 && text != NULL && strcmp(text, p->text) == 0)
            return true;
    }
    return false;
}

/* A problem that several branches share is reported for the first of them only. */
static void take_problems(struct making *k, size_t i)
{
    for (int n = 0; n < bit_problems_kept(k->own); n++)
        if (!is_known(k->all, &k->own->item[n]))
            bit_problems_add(k->all, k->own->item[n].field, 0, 0, "branch '%s': %s", k->m->branch[i]->label,
                             k->own->item[n].text);
}

/* "figure2-3", unless the branch sets a name of its own. */
static int name_branch(Bit__RunSpec *spec, const char *base, const char *sweep, size_t i)
{
    char text[BIT_NAME_MAX + 1], end[32];

    if (spec->name != NULL && (base == NULL || strcmp(spec->name, base) != 0))
        return 0;
    snprintf(end, sizeof end, "-%zu", i + 1);
    snprintf(text, sizeof text, "%.*s%s", bit_format_fit(sweep, BIT_NAME_MAX - strlen(end)), sweep, end);
    char *copy = strdup(text);
    if (copy == NULL)
        return bit_fail(-ENOMEM, "a branch");
    free(spec->name);
    spec->name = copy;
    return 0;
}

/* Returns BIT_ESPEC with the branch's problems added to k->all. */
static int make_branch(struct making *k, size_t i)
{
    Bit__RunSpec *spec = k->plan->spec[i] = bit_msg_clone(k->m->spec);
    const Bit__SweepBranchAsked *asked = k->m->branch[i];

    memset(k->own, 0, sizeof *k->own);
    if (spec == NULL)
        return bit_fail(-ENOMEM, "a branch");
    k->plan->n_spec = i + 1;
    int err = 0;
    for (size_t n = 0; n < asked->n_set && err == 0; n++)
        err = bit_spec_set(spec, asked->set[n], k->own);
    if (err == 0)
        err = name_branch(spec, k->m->spec->name, k->m->name, i);
    if (err == 0)
        err = bit_submit_check_spec(k->c, spec, k->m->directory != NULL ? k->m->directory : "/", k->own);
    take_problems(k, i);
    return err;
}

static int make_branches(struct making *k)
{
    int err = 0;

    k->plan->spec = calloc(k->m->n_branch, sizeof *k->plan->spec);
    if (k->plan->spec == NULL)
        return bit_fail(-ENOMEM, "a sweep");
    for (size_t i = 0; i < k->m->n_branch && (err == 0 || err == BIT_ESPEC); i++) {
        int of_this = make_branch(k, i);
        err = of_this < 0 ? of_this : err;
    }
    return err;
}

/* ---- all branches */

static int check_same(struct making *k)
{
    Bit__RunSpec *const *spec = k->plan->spec;
    size_t bytes = 0;

    for (size_t i = 0; i < k->plan->n_spec; i++) {
        bytes += bit__run_spec__get_packed_size(spec[i]);
        for (size_t j = 0; j < i; j++)
            if (bit_sweep_plan_is_same(spec[i], spec[j])) {
                bit_problems_add(k->all, NULL, 0, 0, "branches '%s' and '%s' are the same run twice",
                                 k->m->branch[j]->label, k->m->branch[i]->label);
                break;
            }
    }
    if (bytes > SPEC_BYTES_MAX)
        return bit_fail(BIT_ELIMIT,
                        "specifications of %zu bytes in all; a sweep's have %u at most: fewer branches, or "
                        "fewer paths",
                        bytes, SPEC_BYTES_MAX);
    return k->all->count > 0 ? BIT_ESPEC : 0;
}

static int add_notes(struct making *k)
{
    static const char rewinds[] =
        "guard: REWIND goes back to the newest checkpoint, and a branch has other checkpoints than the same run "
        "trained alone";
    const Bit__GuardSpec *g = k->plan->spec[0]->guard;

    if (g->nan != BIT__GUARD_ACTION__REWIND && g->spike != BIT__GUARD_ACTION__REWIND)
        return 0;
    k->plan->note = calloc(1, sizeof *k->plan->note);
    if (k->plan->note == NULL || (k->plan->note[0] = strdup(rewinds)) == NULL)
        return bit_fail(-ENOMEM, "a sweep");
    k->plan->n_note = 1;
    return 0;
}

static int plan_all(struct making *k, Bit__SweepProgress *progress)
{
    const size_t count = k->plan->n_spec;
    const Bit__RunSpec *const *spec = (const Bit__RunSpec *const *)k->plan->spec;
    struct bit_sweep_place *place = calloc(count, sizeof *place);

    progress->place = calloc(count, sizeof *progress->place);
    if (place == NULL || progress->place == NULL) {
        free(place);
        return bit_fail(-ENOMEM, "a sweep");
    }
    bit_sweep_plan_make(spec, count, place);
    k->plan->steps_planned = bit_sweep_plan_steps(spec, count, place, &k->plan->steps_alone);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        Bit__SweepPlace at = BIT__SWEEP_PLACE__INIT;
        at.parent = (uint32_t)place[i].parent;
        at.from_step = place[i].from_step;
        progress->place[i] = bit_msg_clone(&at);
        progress->n_place = i + 1;
        err = progress->place[i] == NULL ? bit_fail(-ENOMEM, "a sweep") : 0;
        if (err == 0 && place[i].parent != i)
            err = bit_sweep_plan_add_checkpoint(k->plan->spec[place[i].parent], place[i].from_step);
    }
    free(place);
    return err;
}

/* The plan without the specifications. */
static Bit__SweepPlanned *begin_plan(const struct bit_client *c, const Bit__SweepRequest *m)
{
    Bit__SweepPlanned p = BIT__SWEEP_PLANNED__INIT;

    p.sweep = bit_lend("");
    p.name = m->name;
    p.request_id = m->request_id;
    p.uid = c->peer.uid;
    p.time_ns = bit_walltime_ns();
    p.n_branch = m->n_branch;
    p.branch = m->branch;
    p.has_priority = m->has_priority;
    p.priority = m->priority;
    p.n_after = m->n_after;
    p.after = m->after;
    p.common = m->spec;
    p.directory = m->directory;
    return bit_msg_clone(&p);
}

static Bit__SweepProgress *begin_progress(const Bit__SweepRequest *m)
{
    Bit__SweepProgress p = BIT__SWEEP_PROGRESS__INIT;

    p.paused = m->has_paused && m->paused;
    return bit_msg_clone(&p);
}

static int make_all(struct making *k, Bit__SweepProgress *progress)
{
    int err = make_branches(k);

    if (err == 0)
        err = check_same(k);
    if (err == 0)
        err = add_notes(k);
    return err == 0 ? plan_all(k, progress) : err;
}

Bit__SweepPlanned *bit_sweep_specs_make(struct bit_client *c, const Bit__SweepRequest *m, Bit__SweepProgress **progress)
{
    struct making k = {.c = c, .m = m, .all = calloc(1, sizeof *k.all), .own = calloc(1, sizeof *k.own)};
    int err = check_asked(m);

    if (err == 0) {
        k.plan = begin_plan(c, m);
        *progress = begin_progress(m);
        bool room = k.all != NULL && k.own != NULL && k.plan != NULL && *progress != NULL;
        err = room ? make_all(&k, *progress) : bit_fail(-ENOMEM, "a sweep");
    }
    if (err < 0 && k.all != NULL && k.all->count > 0)
        bit_client_refuse_problems(c, BIT_ESPEC, k.all);
    else if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    if (err < 0) {
        bit_msg_free(k.plan);
        bit_msg_free(*progress);
        k.plan = NULL;
        *progress = NULL;
    }
    free(k.all);
    free(k.own);
    return k.plan;
}
