#include "daemon/store/new_runs/fork_origin.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/fork_peer.h"
#include "daemon/run/plans/fork_evaluations.h"
#include "daemon/run/run_apply.h"
#include "daemon/store/journal/journal.h"
#include "daemon/store/runs/runner.h"
#include "daemon/store/runs/stored_run.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static void note_evaluations(struct bit_fork_origin *o, const struct bit_run *parent, const Bit__RunSpec *fork)
{
    const struct bit_fork_evaluations own = bit_fork_evaluations_find(parent, fork, o->m.step);

    o->m.has_evaluates_sets = o->m.evaluates_sets = own.sets;
    o->m.has_evaluates_tasks = o->m.evaluates_tasks = own.tasks;
}

struct bit_fork_origin *bit_fork_origin_create(const struct bit_runner *parent, uint64_t step, const Bit__RunSpec *fork)
{
    struct bit_fork_origin *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    bit__fork_origin__init(&o->m);
    o->number = parent->run.number;
    o->journal_bytes = parent->journal.bytes;
    o->m.step = step;
    snprintf(o->run, sizeof o->run, "%s", parent->run.id);
    bit_checkpoint_name(step, o->checkpoint);
    o->m.run = o->run;
    o->m.checkpoint = o->checkpoint;
    if (fork != NULL)
        note_evaluations(o, &parent->run, fork);
    o->dir = strdup(parent->dir);
    if (o->dir == NULL || bit_claim_init(&o->claim, parent) < 0) {
        bit_fork_origin_destroy(o);
        return NULL;
    }
    return o;
}

void bit_fork_origin_destroy(struct bit_fork_origin *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < o->m.n_later; i++)
        bit_msg_free(o->later[i]);
    free(o->later);
    bit_msg_free(o->facts);
    bit_claim_finish(&o->claim);
    free(o->dir);
    free(o);
}

/* ---- the checkpoint */

static void note_manifest(struct bit_fork_origin *o, const Bit__Manifest *manifest)
{
    const struct bit_claim_facts facts = bit_claim_tell(manifest);

    o->m.weights_digest = facts.weights_digest;
    /* Converted moments have another digest. */
    o->m.has_moments_digest = manifest->file[BIT_CHECKPOINT_EXP_AVG]->chunk_bytes ==
                              bit_checkpoint_chunk_of(o->moments);
    o->m.moments_digest = o->m.has_moments_digest ? facts.moments_digest : 0;
    o->m.has_bytes = true;
    o->m.bytes = facts.bytes;
    if (manifest->identity != NULL) {
        snprintf(o->identity, sizeof o->identity, "%s", manifest->identity);
        o->m.identity = o->identity;
    }
    if (strcmp(manifest->run, o->run) != 0) {
        snprintf(o->owner, sizeof o->owner, "%s", manifest->run);
        o->m.owner = o->owner;
    }
}

static int look_at_checkpoint(struct bit_fork_origin *o)
{
    char path[PATH_MAX];
    Bit__Manifest *manifest = NULL;

    if (snprintf(path, sizeof path, "%s/%s", o->claim.folder, o->checkpoint) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "%s", o->claim.folder);
    int err = bit_manifest_read(path, &manifest);
    if (err == 0)
        err = bit_claim_check(&o->claim, path, o->m.step, manifest);
    if (err == BIT_CLAIM_GIVEN_UP)
        err = bit_fail(BIT_ESTATE, "%s is of steps that were given up", o->checkpoint);
    if (err == 0)
        err = bit_checkpoint_verify(path, manifest, NULL, NULL);
    if (err == 0)
        note_manifest(o, manifest);
    bit_msg_free(manifest);
    return err;
}

/* ---- the journal */

/* The facts of steps from `first` on; those of steps low to high are known. A rewind drops the steps after it. */
struct reading {
    struct bit_run run;
    uint64_t step, first, low, high, link;
    bool has_link;
    struct bit_fact *fact;
};

static void note_fact(struct reading *r, uint64_t step)
{
    const struct bit_fact *fact = bit_history_get(&r->run.history, step);

    if (fact == NULL || step < r->first || step - r->first >= BIT_FORK_BEFORE + BIT_FORK_AFTER)
        return;
    r->fact[step - r->first] = *fact;
    if (r->high == 0 || step < r->low)
        r->low = step;
    r->high = step;
}

static int visit(void *arg, const Bit__JournalRecord *record)
{
    struct reading *r = arg;
    int err = bit_run_apply(&r->run, record);

    if (err < 0)
        return err;
    if (r->run.step == r->step) {
        r->link = r->run.chain;
        r->has_link = true;
    }
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_SUBMITTED) /* a fork has steps before its own */
        for (uint64_t s = r->first; s <= r->run.step; s++)
            note_fact(r, s);
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
        note_fact(r, r->run.step);
    if (r->high > r->run.step_max) /* given up */
        r->high = r->run.step_max;
    return 0;
}

/* The last step before a later rewind of the parent: up to there its steps are those of a run without one. */
static uint64_t undisturbed(const struct reading *r)
{
    uint64_t last = r->high;

    for (size_t i = 0; i < r->run.rewinds.count; i++)
        if (r->run.rewinds.item[i].to >= r->step)
            last = BIT_MIN(last, r->run.rewinds.item[i].to);
    return last;
}

static int copy_machines(const struct reading *r, Bit__ForkFacts *m)
{
    m->on = calloc(r->run.machine_count + 1, sizeof *m->on);
    if (m->on == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < r->run.machine_count; i++) {
        Bit__ForkMachine *on = m->on[i] = malloc(sizeof *on);
        if (on == NULL)
            return -ENOMEM;
        m->n_on = i + 1;
        bit__fork_machine__init(on);
        on->ranks = r->run.machine[i].ranks;
        on->micro_instances = r->run.machine[i].micro_instances;
        if ((on->backend = strdup(r->run.machine[i].backend)) == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* X(field, value): a list of ForkFacts, and the value that a fact contributes. */
#define LISTS(X)                                                                                                       \
    X(loss, f->loss)                                                                                                   \
    X(grad_norm, f->grad_norm)                                                                                         \
    X(lr, f->lr)                                                                                                       \
    X(strength, f->strength)                                                                                           \
    X(position, f->position)                                                                                           \
    X(link, f->link)                                                                                                   \
    X(token_crc, f->token_crc)                                                                                         \
    X(machine, BIT_MIN((uint32_t)f->machine, (uint32_t)machine_most))                                                  \
    X(ternary, f->precision == BIT__PRECISION__TERNARY)                                                                \
    X(skipped, f->skipped)

static int copy_facts(const struct reading *r, uint64_t last, Bit__ForkFacts *m)
{
    const size_t count = r->high == 0 || last < r->low ? 0 : (size_t)(last - r->low + 1);
    const size_t machine_most = r->run.machine_count > 0 ? r->run.machine_count - 1 : 0;

    m->first = r->high == 0 ? r->first : r->low;
#define X(field, value)                                                                                                \
    if ((m->field = calloc(count + 1, sizeof *m->field)) == NULL)                                                      \
        return -ENOMEM;                                                                                                \
    m->n_##field = count;
    LISTS(X)
#undef X
    for (size_t i = 0; i < count; i++) {
        const struct bit_fact *f = &r->fact[m->first + i - r->first];
#define X(field, value) m->field[i] = value;
        LISTS(X)
#undef X
    }
    return copy_machines(r, m);
}

/* Changes of settings after the fork's step, and all batches that are left out, since these move all later batches. */
static int copy_later(struct bit_fork_origin *o, const struct bit_live_changes *live)
{
    o->later = calloc(live->edit_count + 1, sizeof *o->later);
    o->m.later = o->later;
    for (size_t i = 0; o->later != NULL && i < live->edit_count; i++) {
        const Bit__RunChanged *edit = live->edit[i];
        if (!edit->has_skip_from && edit->after_step <= o->m.step)
            continue;
        if ((o->later[o->m.n_later] = bit_msg_clone(edit)) == NULL)
            return -ENOMEM;
        o->m.n_later++;
    }
    return o->later != NULL ? 0 : -ENOMEM;
}

static int take(struct bit_fork_origin *o, const struct reading *r)
{
    const struct bit_run *run = &r->run;
    const uint64_t last = undisturbed(r);
    const Bit__ForkOrigin *before = run->fork;

    if (!r->has_link)
        return bit_fail(BIT_ECORRUPT, "%s/journal: has no step %" PRIu64, o->dir, o->m.step);
    o->m.has_link = o->m.has_left_out = true;
    o->m.link = r->link;
    o->m.left_out = bit_rewinds_kept(&run->rewinds, o->m.step + 1) - (o->m.step + 1);
    o->m.has_switched_after = run->switched && run->switched_after < o->m.step;
    o->m.switched_after = o->m.has_switched_after ? run->switched_after : 0;
    o->m.has_compare_to = o->compare && last > o->m.step;
    o->m.compare_to = o->m.has_compare_to ? last : 0;
    if (before != NULL && before->step == o->m.step && before->has_fresh_moments && before->fresh_moments)
        o->m.has_fresh_moments = o->m.fresh_moments = true; /* the parent had fresh moments, too, with the same files */
    o->facts = malloc(sizeof *o->facts);
    if (o->facts == NULL)
        return bit_fail(-ENOMEM, "the steps of %s", o->run);
    bit__fork_facts__init(o->facts);
    if (copy_later(o, &run->live) < 0)
        return bit_fail(-ENOMEM, "what was changed of %s", o->run);
    return copy_facts(r, o->compare ? last : BIT_MIN(last, o->m.step), o->facts) < 0
               ? bit_fail(-ENOMEM, "the steps of %s", o->run)
               : 0;
}

static int look_at_journal(struct bit_fork_origin *o)
{
    const uint64_t before = BIT_MIN(o->m.step, (uint64_t)BIT_FORK_BEFORE);
    struct reading r = {.step = o->m.step, .first = o->m.step - before + 1};
    char path[PATH_MAX];

    r.fact = calloc(BIT_FORK_BEFORE + BIT_FORK_AFTER, sizeof *r.fact);
    if (r.fact == NULL)
        return bit_fail(-ENOMEM, "the steps of %s", o->run);
    snprintf(path, sizeof path, "%s/journal", o->dir);
    int err = bit_stored_run_begin(o->dir, o->number, &r.run);
    if (err == 0) {
        err = bit_journal_replay(path, o->journal_bytes, visit, &r);
        if (err == 0)
            err = take(o, &r);
        bit_run_finish(&r.run);
    }
    free(r.fact);
    return err;
}

int bit_fork_origin_look(struct bit_fork_origin *o)
{
    int err = look_at_checkpoint(o);

    return err < 0 || (o->m.has_weights_only && o->m.weights_only) ? err : look_at_journal(o);
}
