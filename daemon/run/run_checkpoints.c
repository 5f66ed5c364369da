#include "daemon/run/run_checkpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

int bit_run_apply_asked(struct bit_run *run, const Bit__CheckpointAsked *m)
{
    if (!bit_run_asked_at(run, m->after_step) && run->checkpoints.asked_count < BIT_RUN_ASKED_MAX)
        run->checkpoints.asked[run->checkpoints.asked_count++] = m->after_step;
    return bit_run_note_applied(run, m->request_id, m->after_step, false);
}

/* Returns whether a user asked for this one. If the one asked for failed, the next one replaces it. */
static bool forget_asked(struct bit_run *run, uint64_t step)
{
    const size_t before = run->checkpoints.asked_count;
    size_t kept = 0;

    for (size_t i = 0; i < before; i++)
        if (run->checkpoints.asked[i] > step)
            run->checkpoints.asked[kept++] = run->checkpoints.asked[i];
    run->checkpoints.asked_count = kept;
    return kept < before;
}

static void remove_checkpoint(struct bit_run *run, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (strcmp(run->checkpoints.list[i].name, name) != 0)
            run->checkpoints.list[kept++] = run->checkpoints.list[i];
    run->checkpoints.count = kept;
}

static int add_checkpoint(struct bit_run *run, const Bit__CheckpointReport *m, uint64_t time_ns, bool asked)
{
    const struct bit_run_checkpoint *before = bit_run_find_checkpoint(run, m->name);
    const bool pinned = asked || (before != NULL && before->pinned);

    remove_checkpoint(run, m->name); /* written again after a restart */
    struct bit_run_checkpoint *all = realloc(run->checkpoints.list, (run->checkpoints.count + 1) * sizeof *all);
    if (all == NULL)
        return bit_fail(-ENOMEM, "the checkpoints of %s", run->id);
    run->checkpoints.list = all;
    size_t at = run->checkpoints.count++;
    for (; at > 0 && all[at - 1].step > m->after_step; at--)
        all[at] = all[at - 1];
    bool ternary = run->switched && m->after_step > run->switched_after;
    all[at] = (struct bit_run_checkpoint){
        .step = m->after_step,
        .bytes = m->bytes,
        .time_ns = time_ns,
        .has_weights = m->has_weights_digest,
        .weights_digest = m->weights_digest,
        .has_moments = m->has_moments_digest,
        .moments_digest = m->moments_digest,
        .precision = ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT,
        .pinned = pinned,
    };
    bit_format(all[at].name, sizeof all[at].name, "%s", m->name);
    return 0;
}

int bit_run_apply_bad(struct bit_run *run, const Bit__CheckpointBad *m)
{
    Bit__CheckpointBad *copy = bit_msg_clone(m);

    if (copy == NULL)
        return bit_fail(-ENOMEM, "checkpoint %s", m->name);
    bit_msg_free(run->checkpoints.set_aside);
    run->checkpoints.set_aside = copy;
    remove_checkpoint(run, m->name);
    return 0;
}

int bit_run_apply_checkpoint(struct bit_run *run, const Bit__CheckpointReport *m, uint64_t time_ns)
{
    if (m->error != 0) {
        run->checkpoints.failures++;
        bit_format(run->checkpoints.error, sizeof run->checkpoints.error, "%s: %s", m->name,
                   m->text ? m->text : bit_strerror(m->error));
        return 0;
    }
    run->checkpoints.failures = 0;
    return add_checkpoint(run, m, time_ns, forget_asked(run, m->after_step));
}

int bit_run_apply_removed(struct bit_run *run, const Bit__CheckpointRemoved *m)
{
    const struct bit_run_checkpoint *c = bit_run_find_checkpoint(run, m->name);
    const uint64_t step = c != NULL ? c->step : 0;

    remove_checkpoint(run, m->name);
    return m->request_id != NULL ? bit_run_note_applied(run, m->request_id, step, false) : 0;
}

int bit_run_apply_pinned(struct bit_run *run, const Bit__CheckpointPinned *m)
{
    uint64_t step = 0;

    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (strcmp(run->checkpoints.list[i].name, m->name) == 0) {
            run->checkpoints.list[i].pinned = m->pinned;
            step = run->checkpoints.list[i].step;
        }
    return bit_run_note_applied(run, m->request_id, step, false);
}
