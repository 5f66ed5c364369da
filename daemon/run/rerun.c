#include "daemon/run/rerun.h"

#include <inttypes.h>

#include "proto/format.h"

static bool same_digest(struct bit_rerun *rerun, const char *what, uint64_t was, uint64_t is)
{
    if (was == is)
        return true;
    rerun->first.field = what;
    bit_text_of_u64(was, rerun->first.was);
    bit_text_of_u64(is, rerun->first.is);
    return false;
}

void bit_rerun_begin(struct bit_rerun *rerun, uint64_t step, uint64_t step_max, const struct bit_rerun_state *was,
                     const Bit__WorkerReady *ready)
{
    bool moments = was != NULL && was->has_moments && ready->has_moments_digest;

    *rerun = (struct bit_rerun){.from = step + 1, .to = step_max, .compared = step, .at = step};
    rerun->moments = moments;
    rerun->running = step_max > step || (was != NULL && (was->has_weights || moments));
    if (was != NULL && was->has_weights && !same_digest(rerun, "weights", was->weights_digest, ready->weights_digest))
        return;
    if (moments)
        same_digest(rerun, "moments", was->moments_digest, ready->moments_digest);
}

void bit_rerun_step(struct bit_rerun *rerun, uint64_t step, const struct bit_fact *was, const struct bit_fact *is,
                    const struct bit_machine *was_on, const struct bit_machine *is_on)
{
    if (!rerun->running || step > rerun->to || rerun->first.field != NULL)
        return;
    rerun->compared = step;
    if (was == NULL) {
        rerun->from = step + 1; /* older than what is kept: begin after it */
        return;
    }
    char why[sizeof rerun->machines];
    bool arithmetic = bit_machine_equal(was_on, is_on, why, sizeof why);
    if (!arithmetic && rerun->machines[0] == '\0')
        bit_format(rerun->machines, sizeof rerun->machines, "%s", why);
    /* Once the machines differ, weights differ, too: from there on only the orders are compared. */
    if (!bit_fact_equal(was, is, rerun->machines[0] == '\0', &rerun->first))
        rerun->at = step;
}

bool bit_rerun_is_done(const struct bit_rerun *rerun)
{
    return rerun->running && (rerun->compared >= rerun->to || rerun->first.field != NULL);
}

void bit_rerun_text(const struct bit_rerun *rerun, char *text, size_t room)
{
    const struct bit_difference *d = &rerun->first;
    bool at_checkpoint = rerun->at < rerun->from;

    if (d->field != NULL)
        bit_format(text, room, "%s%s %" PRIu64 ": %s %s, was %s",
                   rerun->machines[0] ? "also in values that do not depend on the ranks, " : "",
                   at_checkpoint ? "restored after step" : "step", rerun->at, d->field, d->is, d->was);
    else if (rerun->from > rerun->to)
        bit_format(text, room, "weights%s restored after step %" PRIu64 " are those of its checkpoint",
                   rerun->moments ? " and moments" : "", rerun->compared);
    else if (rerun->machines[0])
        bit_format(text, room,
                   "not comparable: %s; data, phase, strength and learning rate of steps %" PRIu64 " to %" PRIu64
                   " are the same",
                   rerun->machines, rerun->from, rerun->to);
    else
        bit_format(text, room, "bit for bit, steps %" PRIu64 " to %" PRIu64, rerun->from, rerun->to);
}
