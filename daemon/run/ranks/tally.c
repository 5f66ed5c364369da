#include "daemon/run/ranks/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/format.h"

#define NAMED_MAX 8 /* ranks listed by number in a text */

int bit_tally_begin(struct bit_tally *t, uint32_t ranks)
{
    bit_tally_finish(t);
    t->rank = calloc(ranks, sizeof *t->rank);
    if (t->rank == NULL)
        return bit_fail(-ENOMEM, "what %u ranks say", ranks);
    t->ranks = ranks;
    return 0;
}

void bit_tally_finish(struct bit_tally *t)
{
    free(t->rank);
    *t = (struct bit_tally){0};
}

void bit_tally_forget(struct bit_tally *t)
{
    for (uint32_t r = 0; r < t->ranks; r++)
        t->rank[r] = (struct bit_tally_rank){0};
    t->last = t->same = t->first = 0;
}

static int check_digests(const struct bit_tally_rank *said, uint32_t by, uint32_t rank, const Bit__WorkerDone *m)
{
    if (!said->said || said->step != m->step)
        return 0;
    if (said->weights_digest != m->weights_digest)
        return bit_fail(BIT_EREPLICA,
                        "rank %u says that the weights after step %" PRIu64 " are %016" PRIx64
                        ", and rank %u said %016" PRIx64,
                        rank, m->step, m->weights_digest, by, said->weights_digest);
    if (said->phase_digest != m->phase_digest)
        return bit_fail(BIT_EREPLICA,
                        "rank %u says that its phase after step %" PRIu64 " is %016" PRIx64
                        ", and rank %u said %016" PRIx64,
                        rank, m->step, m->phase_digest, by, said->phase_digest);
    return 0;
}

static bool is_missing(const struct bit_tally_rank *rank, uint64_t step, Bit__StopReason reason)
{
    return !rank->said || rank->step != step || rank->reason != reason;
}

/* Rank `rank` made a new report. Thousands of ranks may, with a query after each, so one like the last costs O(1). */
static void count(struct bit_tally *t, uint32_t rank)
{
    const struct bit_tally_rank *said = &t->rank[rank], *before = &t->rank[t->last];

    if (t->same > 0 && t->last != rank && !is_missing(before, said->step, said->reason)) {
        t->same++;
    } else {
        t->same = t->first = 0;
        for (uint32_t r = 0; r < t->ranks; r++)
            t->same += !is_missing(&t->rank[r], said->step, said->reason);
    }
    t->last = rank;
    while (t->first < t->ranks && !is_missing(&t->rank[t->first], said->step, said->reason))
        t->first++;
}

/* Compare with one of those that reported the same step; if the last report is of another step, compare with all. */
static int check_all(const struct bit_tally *t, uint32_t rank, const Bit__WorkerDone *m)
{
    const struct bit_tally_rank *last = &t->rank[t->last];

    if (last->said && last->step == m->step)
        return check_digests(last, t->last, rank, m);
    for (uint32_t r = 0; r < t->ranks; r++) {
        int err = check_digests(&t->rank[r], r, rank, m);
        if (err < 0)
            return err;
    }
    return 0;
}

int bit_tally_note(struct bit_tally *t, uint32_t rank, const Bit__WorkerDone *m)
{
    if (rank >= t->ranks || m->rank != rank || m->ranks != t->ranks)
        return bit_fail(BIT_EWORKER, "rank %u of %u reported its end as rank %u of %u", rank, t->ranks, m->rank,
                        m->ranks);
    int err = check_all(t, rank, m);
    if (err < 0)
        return err;
    const struct bit_tally_rank says = {.said = true,
                                        .reason = m->reason,
                                        .step = m->step,
                                        .weights_digest = m->weights_digest,
                                        .phase_digest = m->phase_digest};
    struct bit_tally_rank *said = &t->rank[rank];
    if (said->said && said->step == says.step && said->reason == says.reason)
        return 0;
    *said = says;
    count(t, rank);
    return 1;
}

uint32_t bit_tally_missing(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, uint32_t *first)
{
    uint32_t missing = 0;

    *first = 0;
    if (t->same > 0 && !is_missing(&t->rank[t->last], step, reason)) {
        *first = t->same < t->ranks ? t->first : 0;
        return t->ranks - t->same;
    }
    for (uint32_t r = t->ranks; r-- > 0;)
        if (is_missing(&t->rank[r], step, reason)) {
            missing++;
            *first = r;
        }
    return missing;
}

void bit_tally_describe(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, char *text, size_t room)
{
    char list[NAMED_MAX * 12 + 8] = "";
    uint32_t first = 0, missing = bit_tally_missing(t, step, reason, &first), named = 0;
    size_t length = 0;

    for (uint32_t r = first; r < t->ranks && named < NAMED_MAX; r++)
        if (is_missing(&t->rank[r], step, reason))
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%u", named++ ? ", " : "", r);
    if (missing > named)
        snprintf(list + length, sizeof list - length, ", …");
    bit_format(text, room,
               missing == 1 ? "rank %s of %u did not report that it has finished"
                            : "ranks %s of %u did not report that they have finished",
               list, t->ranks);
}
