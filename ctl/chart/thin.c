#include "ctl/chart/thin.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

void bit_thin_init(struct bit_thin *t, size_t most)
{
    *t = (struct bit_thin){.most = most > 0 ? most : BIT_THIN_BUCKETS, .every = 1};
}

void bit_thin_finish(struct bit_thin *t)
{
    free(t->bucket);
    *t = (struct bit_thin){.every = 1};
}

/* Merge b, which follows a, into a. A bucket without values is replaced by one with values. */
static void merge(struct bit_thin_bucket *a, const struct bit_thin_bucket *b)
{
    if (isnan(b->first.value))
        return;
    if (isnan(a->first.value)) {
        *a = *b;
        return;
    }
    if (b->low.value < a->low.value)
        a->low = b->low;
    if (b->high.value > a->high.value)
        a->high = b->high;
    a->last = b->last;
}

static void widen(struct bit_thin *t)
{
    size_t kept = 0;

    t->every *= 2;
    for (size_t i = 0; i < t->count; i++) {
        if (kept > 0 && t->bucket[kept - 1].first.step / t->every == t->bucket[i].first.step / t->every)
            merge(&t->bucket[kept - 1], &t->bucket[i]);
        else
            t->bucket[kept++] = t->bucket[i];
    }
    t->count = kept;
}

static int make_room(struct bit_thin *t)
{
    while (t->count == t->most)
        widen(t);
    if (t->count < t->room)
        return 0;
    const size_t room = BIT_MIN(t->most, t->room > 0 ? 2 * t->room : 256);
    struct bit_thin_bucket *grown = realloc(t->bucket, room * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a curve");
    t->bucket = grown;
    t->room = room;
    return 0;
}

int bit_thin_add(struct bit_thin *t, uint64_t step, double value)
{
    const struct bit_thin_point p = {step, value};
    const struct bit_thin_bucket b = {p, p, p, p};

    if (t->count > 0 && t->bucket[t->count - 1].first.step / t->every == step / t->every) {
        merge(&t->bucket[t->count - 1], &b);
        return 0;
    }
    int err = make_room(t);
    if (err < 0)
        return err;
    if (t->count > 0 && t->bucket[t->count - 1].first.step / t->every == step / t->every)
        merge(&t->bucket[t->count - 1], &b);
    else
        t->bucket[t->count++] = b;
    return 0;
}

static size_t add_once(struct bit_thin_point *out, size_t count, struct bit_thin_point p)
{
    if (count == 0 || out[count - 1].step < p.step)
        out[count++] = p;
    return count;
}

int bit_thin_take(const struct bit_thin *t, struct bit_thin_point **points, size_t *count)
{
    struct bit_thin_point *out = malloc((4 * t->count + 1) * sizeof *out);
    size_t n = 0;

    if (out == NULL)
        return bit_fail(-ENOMEM, "a curve");
    for (size_t i = 0; i < t->count; i++) {
        const struct bit_thin_bucket *b = &t->bucket[i];
        const bool low_first = b->low.step < b->high.step;
        n = add_once(out, n, b->first);
        n = add_once(out, n, low_first ? b->low : b->high);
        n = add_once(out, n, low_first ? b->high : b->low);
        n = add_once(out, n, b->last);
    }
    *points = out;
    *count = n;
    return 0;
}
