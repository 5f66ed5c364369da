#include "daemon/run/rewind.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

void bit_rewinds_finish(struct bit_rewinds *r)
{
    free(r->item);
    free(r->out);
    *r = (struct bit_rewinds){0};
}

int bit_rewinds_copy(const struct bit_rewinds *from, struct bit_rewinds *out)
{
    out->base = from->base;
    if (from->count == 0)
        return 0;
    out->item = malloc(from->count * sizeof *out->item);
    if (out->item == NULL)
        return bit_fail(-ENOMEM, "%zu rewinds", from->count);
    memcpy(out->item, from->item, from->count * sizeof *out->item);
    out->count = from->count;
    return 0;
}

int bit_rewinds_add(struct bit_rewinds *r, uint64_t to, uint64_t skip, uint64_t at, uint64_t epoch)
{
    struct bit_rewind *grown = realloc(r->item, (r->count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a rewind");
    r->item = grown;
    for (size_t i = 0; i < r->count; i++)
        r->item[i].over |= r->item[i].to >= to;
    r->item[r->count++] = (struct bit_rewind){.to = to, .skip = skip, .at = at, .epoch = epoch};
    return 0;
}

uint64_t bit_rewinds_position(const struct bit_rewinds *r, uint64_t step)
{
    uint64_t position = bit_rewinds_kept(r, step);

    for (size_t i = 0; i < r->out_count && position >= r->out[i].first; i++)
        position += r->out[i].last - r->out[i].first + 1;
    return position;
}

bool bit_rewinds_leaves_out(const struct bit_rewinds *r, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < r->out_count; i++)
        if (first <= r->out[i].last && last >= r->out[i].first)
            return true;
    return false;
}

int bit_rewinds_leave_out(struct bit_rewinds *r, uint64_t first, uint64_t last)
{
    struct bit_left_out *grown = realloc(r->out, (r->out_count + 1) * sizeof *grown);
    size_t at = 0;

    if (grown == NULL)
        return bit_fail(-ENOMEM, "batches that are left out");
    r->out = grown;
    while (at < r->out_count && r->out[at].first < first)
        at++;
    memmove(&r->out[at + 1], &r->out[at], (r->out_count - at) * sizeof *r->out);
    r->out[at] = (struct bit_left_out){first, last};
    r->out_count++;
    return 0;
}

uint64_t bit_rewinds_kept(const struct bit_rewinds *r, uint64_t step)
{
    uint64_t position = step + r->base;

    for (size_t i = 0; i < r->count; i++)
        if (!r->item[i].over && r->item[i].to < step)
            position += r->item[i].skip;
    return position;
}

/* Counted from the position of `to`, which already includes the batches left out before. */
uint64_t bit_rewinds_skip(const struct bit_rewinds *r, uint64_t to, uint64_t at, uint64_t wanted)
{
    return BIT_MAX(wanted, bit_rewinds_kept(r, at) - bit_rewinds_kept(r, to));
}

bool bit_rewinds_gave_up(const struct bit_rewinds *r, uint64_t step, uint64_t epoch)
{
    for (size_t i = 0; i < r->count; i++)
        if (step > r->item[i].to && epoch <= r->item[i].epoch)
            return true;
    return false;
}

unsigned bit_rewinds_to(const struct bit_rewinds *r, uint64_t to)
{
    unsigned count = 0;

    for (size_t i = r->before; i < r->count; i++)
        count += r->item[i].to == to;
    return count;
}
