#include "daemon/run/history.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

void bit_history_init(struct bit_history *h)
{
    *h = (struct bit_history){.first = 1, .last = 0, .curve_every = 1};
}

void bit_history_thin(struct bit_history *h)
{
    free(h->exact);
    h->exact = NULL;
    h->exact_capacity = 0;
    h->first = 1;
    h->last = 0;
}

void bit_history_finish(struct bit_history *h)
{
    bit_history_thin(h);
    free(h->curve);
    h->curve = NULL;
    h->curve_count = 0;
}

static int grow(struct bit_history *h)
{
    size_t capacity = h->exact_capacity ? h->exact_capacity * 2 : 256;
    struct bit_fact *exact = malloc(capacity * sizeof *exact);

    if (exact == NULL)
        return bit_fail(-ENOMEM, "the results of %zu steps", capacity);
    for (uint64_t s = h->first; s <= h->last; s++)
        exact[s % capacity] = h->exact[s % h->exact_capacity];
    free(h->exact);
    h->exact = exact;
    h->exact_capacity = capacity;
    return 0;
}

static int put_exact(struct bit_history *h, uint64_t step, const struct bit_fact *fact)
{
    bool empty = h->first > h->last, known = !empty && step >= h->first && step <= h->last;

    if (empty || (!known && step != h->last + 1))
        h->first = step;
    if (!known)
        h->last = step;
    uint64_t held = h->last - h->first + 1;
    if (held > h->exact_capacity && h->exact_capacity < BIT_HISTORY_EXACT_MAX) {
        h->last -= !known;
        int err = grow(h);
        h->last += !known;
        if (err < 0)
            return err;
    }
    if (held > h->exact_capacity)
        h->first = h->last - h->exact_capacity + 1;
    h->exact[step % h->exact_capacity] = *fact;
    return 0;
}

static void thin_curve(struct bit_history *h)
{
    h->curve_every *= 2;
    size_t kept = 0;
    for (size_t i = 0; i < h->curve_count; i++)
        if (h->curve[i].step % h->curve_every == 0)
            h->curve[kept++] = h->curve[i];
    h->curve_count = kept;
}

static void cut_curve(struct bit_history *h, uint64_t step)
{
    while (h->curve_count > 0 && h->curve[h->curve_count - 1].step > step)
        h->curve_count--;
}

static int put_curve(struct bit_history *h, uint64_t step, double loss)
{
    cut_curve(h, step - 1);
    if (h->curve_count == BIT_HISTORY_CURVE_MAX)
        thin_curve(h);
    if (step % h->curve_every != 0)
        return 0;
    if (h->curve == NULL && (h->curve = malloc(BIT_HISTORY_CURVE_MAX * sizeof *h->curve)) == NULL)
        return bit_fail(-ENOMEM, "a loss curve");
    h->curve[h->curve_count++] = (struct bit_curve_point){step, loss};
    return 0;
}

int bit_history_put(struct bit_history *h, uint64_t step, const struct bit_fact *fact)
{
    int err = put_exact(h, step, fact);

    return err < 0 || fact->skipped ? err : put_curve(h, step, fact->loss);
}

void bit_history_cut(struct bit_history *h, uint64_t step)
{
    cut_curve(h, step);
    h->last = BIT_MIN(h->last, step);
    if (h->first > h->last) {
        h->first = 1;
        h->last = 0;
    }
}

const struct bit_fact *bit_history_get(const struct bit_history *h, uint64_t step)
{
    if (h->exact_capacity == 0 || step < h->first || step > h->last)
        return NULL;
    return &h->exact[step % h->exact_capacity];
}
