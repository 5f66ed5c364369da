#include "daemon/run/ranks/straggler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/limits.h"

#define RATIO_MOST 4.0 /* limit for one step in the average: a single pause of minutes must not count */
#define FAST_AGAIN 0.9 /* of the ratio */

enum { WAIT, FORWARD, BACKWARD, COMM, OPTIMIZER, OTHER };

void bit_straggler_finish(struct bit_straggler *s)
{
    free(s->rank);
    free(s->scratch);
    free(s->all_us);
    *s = (struct bit_straggler){0};
}

static bool make_room(struct bit_straggler *s, size_t ranks)
{
    if (s->count == ranks)
        return true;
    bit_straggler_finish(s);
    s->rank = calloc(ranks, sizeof *s->rank);
    s->scratch = calloc(ranks, sizeof *s->scratch);
    s->all_us = calloc(ranks, BIT_STRAGGLER_SECTIONS * sizeof *s->all_us);
    if (s->rank == NULL || s->scratch == NULL || s->all_us == NULL) {
        bit_straggler_finish(s);
        return false;
    }
    s->count = ranks;
    return true;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The lower of the two middle values, so that of two ranks the slow one stands out. */
static double lower_median(double *v, size_t count)
{
    qsort(v, count, sizeof *v, ascending);
    return v[(count - 1) / 2];
}

static bool is_own(int section)
{
    return section != WAIT && section != COMM;
}

static double own_ms(const uint32_t *us)
{
    double own = 0;

    for (int i = 0; i < BIT_STRAGGLER_SECTIONS; i++)
        own += is_own(i) ? us[i] / 1000.0 : 0;
    return own;
}

static double blend(double before, double now, double share)
{
    return before + share * (now - before);
}

static int64_t note(struct bit_straggler *s, const uint32_t *us, double ratio_most, uint32_t over_steps)
{
    const size_t ranks = s->count;
    int64_t behind = -1;

    s->steps++;
    double share = fmax(1.0 / (double)s->steps, 2.0 / (over_steps + 1.0));
    for (size_t r = 0; r < ranks; r++)
        s->scratch[r] = own_ms(us + r * BIT_STRAGGLER_SECTIONS);
    double middle = fmax(lower_median(s->scratch, ranks), 1e-3);
    for (size_t r = 0; r < ranks; r++) {
        struct bit_straggler_rank *rank = &s->rank[r];
        const uint32_t *at = us + r * BIT_STRAGGLER_SECTIONS;
        for (int i = 0; i < BIT_STRAGGLER_SECTIONS; i++)
            rank->ms[i] = blend(rank->ms[i], at[i] / 1000.0, share);
        rank->own = blend(rank->own, own_ms(at), share);
        rank->ratio = blend(rank->ratio, fmin(own_ms(at) / middle, RATIO_MOST), share);
        if (rank->ratio < FAST_AGAIN * ratio_most)
            rank->named = false;
        if (ratio_most > 0 && s->steps >= over_steps && rank->ratio > ratio_most && !rank->named &&
            (behind < 0 || rank->ratio > s->rank[behind].ratio))
            behind = (int64_t)r;
    }
    if (behind >= 0)
        s->rank[behind].named = true;
    return behind;
}

int64_t bit_straggler_note(struct bit_straggler *s, const uint32_t *us, size_t ranks, double ratio_most,
                           uint32_t over_steps)
{
    if (ranks < 2 || !make_room(s, ranks))
        return -1;
    const int64_t behind = note(s, us, ratio_most, over_steps);
    for (size_t r = 0; r < ranks; r++)
        s->rank[r].told = s->steps;
    return behind;
}

int64_t bit_straggler_note_told(struct bit_straggler *s, const uint32_t *us, const uint32_t *told, size_t rows,
                                size_t ranks, double ratio_most, uint32_t over_steps)
{
    const size_t row_bytes = BIT_STRAGGLER_SECTIONS * sizeof *us;
    const uint32_t *middle = us + BIT_RANKS_QUANTILES / 2 * BIT_STRAGGLER_SECTIONS;

    if (rows < BIT_RANKS_QUANTILES || ranks < 2 || !make_room(s, ranks))
        return -1;
    for (size_t r = 0; r < ranks; r++)
        memcpy(s->all_us + r * BIT_STRAGGLER_SECTIONS, middle, row_bytes);
    for (size_t i = 0; i < rows; i++) {
        if (told[i] >= ranks)
            return -1;
        memcpy(s->all_us + (size_t)told[i] * BIT_STRAGGLER_SECTIONS, us + i * BIT_STRAGGLER_SECTIONS, row_bytes);
    }
    const int64_t behind = note(s, s->all_us, ratio_most, over_steps);
    for (size_t i = 0; i < rows; i++)
        s->rank[told[i]].told = s->steps;
    return behind;
}

bool bit_straggler_is_told(const struct bit_straggler *s, size_t rank)
{
    BIT_ASSERT(rank < s->count);
    return s->rank[rank].told == s->steps;
}

const char *bit_straggler_place(const struct bit_straggler *s, size_t rank)
{
    static const char *const name[] = {"wait", "forward", "backward", "comm", "optimizer", "other"};
    int worst = FORWARD;
    double most = -1;

    BIT_ASSERT(rank < s->count);
    for (int i = 0; i < BIT_STRAGGLER_SECTIONS; i++) {
        for (size_t r = 0; r < s->count; r++)
            s->scratch[r] = s->rank[r].ms[i];
        double over = s->rank[rank].ms[i] - lower_median(s->scratch, s->count);
        if (is_own(i) && over > most) {
            most = over;
            worst = i;
        }
    }
    return name[worst];
}
