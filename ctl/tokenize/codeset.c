#include "ctl/tokenize/codeset.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

static int reserve(struct bit_codeset *set, size_t count)
{
    if (count <= set->room)
        return 0;
    size_t room = count + count / 2 + 4;
    struct bit_code_range *ranges = realloc(set->ranges, room * sizeof *ranges);
    if (ranges == NULL)
        return bit_fail(-ENOMEM, "a set of %zu ranges", count);
    set->ranges = ranges;
    set->room = room;
    return 0;
}

/* Index of the first range whose last code point is >= c. */
static size_t find(const struct bit_codeset *set, uint32_t c)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->ranges[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One range replaces all that it overlaps or touches. */
int bit_codeset_add(struct bit_codeset *set, uint32_t first, uint32_t last)
{
    int err = reserve(set, set->count + 1);

    BIT_ASSERT(first <= last && last <= BIT_CODE_LAST);
    if (err < 0)
        return err;
    size_t from = find(set, first == 0 ? 0 : first - 1), to = from;
    for (; to < set->count && set->ranges[to].first <= last + 1; to++) {
        first = BIT_MIN(first, set->ranges[to].first);
        last = BIT_MAX(last, set->ranges[to].last);
    }
    memmove(set->ranges + from + 1, set->ranges + to, (set->count - to) * sizeof *set->ranges);
    set->ranges[from] = (struct bit_code_range){first, last};
    set->count = set->count + 1 - (to - from);
    return 0;
}

/* Append a range; its `first` must not be below that of the last range. */
static void append(struct bit_codeset *set, uint32_t first, uint32_t last)
{
    struct bit_code_range *end = set->count > 0 ? &set->ranges[set->count - 1] : NULL;

    if (end != NULL && first <= end->last + 1)
        end->last = BIT_MAX(end->last, last);
    else
        set->ranges[set->count++] = (struct bit_code_range){first, last};
}

static int replace(struct bit_codeset *set, struct bit_codeset *by)
{
    bit_codeset_finish(set);
    *set = *by;
    return 0;
}

int bit_codeset_unite(struct bit_codeset *set, const struct bit_codeset *other)
{
    struct bit_codeset all = {0};
    size_t a = 0, b = 0;
    int err = reserve(&all, set->count + other->count);

    if (err < 0)
        return err;
    while (a < set->count || b < other->count) {
        bool first = b == other->count || (a < set->count && set->ranges[a].first <= other->ranges[b].first);
        const struct bit_code_range *r = first ? &set->ranges[a++] : &other->ranges[b++];
        append(&all, r->first, r->last);
    }
    return replace(set, &all);
}

int bit_codeset_intersect(struct bit_codeset *set, const struct bit_codeset *other)
{
    struct bit_codeset both = {0};
    size_t a = 0, b = 0;
    int err = reserve(&both, set->count + other->count);

    if (err < 0)
        return err;
    while (a < set->count && b < other->count) {
        uint32_t first = BIT_MAX(set->ranges[a].first, other->ranges[b].first);
        uint32_t last = BIT_MIN(set->ranges[a].last, other->ranges[b].last);
        if (first <= last)
            append(&both, first, last);
        if (set->ranges[a].last < other->ranges[b].last)
            a++;
        else
            b++;
    }
    return replace(set, &both);
}

int bit_codeset_invert(struct bit_codeset *set)
{
    struct bit_codeset rest = {0};
    uint32_t next = 0;
    int err = reserve(&rest, set->count + 1);

    if (err < 0)
        return err;
    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].first > next)
            append(&rest, next, set->ranges[i].first - 1);
        next = set->ranges[i].last + 1;
    }
    if (next <= BIT_CODE_LAST)
        append(&rest, next, BIT_CODE_LAST);
    return replace(set, &rest);
}

bool bit_codeset_has(const struct bit_codeset *set, uint32_t c)
{
    size_t i = find(set, c);

    return i < set->count && set->ranges[i].first <= c;
}

bool bit_codeset_equal(const struct bit_codeset *a, const struct bit_codeset *b)
{
    return a->count == b->count && (a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof *a->ranges) == 0);
}

void bit_codeset_finish(struct bit_codeset *set)
{
    free(set->ranges);
    *set = (struct bit_codeset){0};
}
