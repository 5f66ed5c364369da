#include "worker/ranks/ranks_told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define REST_BYTES 8192 /* bytes of a step's report besides these times: mostly texts of anomalies */

_Static_assert(BIT_RANKS_TOLD_MAX *BIT_SECTION_SPLIT * sizeof(uint32_t) + REST_BYTES <= BIT_REPORT_BODY_MAX,
               "everybody's times fit a report");
_Static_assert(BIT_RANKS_TOLD_ROWS <= BIT_RANKS_TOLD_MAX, "a choice is smaller than everybody's");

int bit_ranks_told_init(struct bit_ranks_told *told, uint32_t ranks)
{
    *told = (struct bit_ranks_told){0};
    if (ranks <= BIT_RANKS_TOLD_MAX)
        return 0;
    told->order = calloc(ranks, sizeof *told->order);
    return told->order == NULL ? bit_fail(-ENOMEM, "the order of %u ranks", ranks) : 0;
}

void bit_ranks_told_finish(struct bit_ranks_told *told)
{
    free(told->order);
    *told = (struct bit_ranks_told){0};
}

static uint64_t own_us(const uint32_t us[BIT_SECTION_SPLIT])
{
    return (uint64_t)us[BIT_SECTION_FORWARD] + us[BIT_SECTION_BACKWARD] + us[BIT_SECTION_OPTIMIZER] +
           us[BIT_SECTION_OTHER];
}

static int by_work(const void *a, const void *b)
{
    const struct bit_rank_work *x = a, *y = b;

    return x->us != y->us ? (x->us > y->us) - (x->us < y->us) : (x->rank > y->rank) - (x->rank < y->rank);
}

static void choose(struct bit_ranks_told *told, const uint32_t *us, uint32_t ranks)
{
    for (uint32_t r = 0; r < ranks; r++)
        told->order[r] = (struct bit_rank_work){.us = own_us(us + (size_t)r * BIT_SECTION_SPLIT), .rank = r};
    qsort(told->order, ranks, sizeof *told->order, by_work);
    for (uint32_t q = 0; q < BIT_RANKS_QUANTILES; q++)
        told->rank[q] = told->order[(uint64_t)(ranks - 1) * q / (BIT_RANKS_QUANTILES - 1)].rank;
    for (uint32_t i = 0; i < BIT_RANKS_SLOWEST; i++)
        told->rank[BIT_RANKS_QUANTILES + i] = told->order[ranks - 1 - i].rank;
    for (size_t row = 0; row < BIT_RANKS_TOLD_ROWS; row++)
        memcpy(told->us + row * BIT_SECTION_SPLIT, us + (size_t)told->rank[row] * BIT_SECTION_SPLIT,
               BIT_SECTION_SPLIT * sizeof *us);
}

void bit_ranks_told_fill(struct bit_ranks_told *told, uint32_t *us, uint32_t ranks, Bit__StepReport *msg)
{
    BIT_ASSERT((told->order != NULL) == (ranks > BIT_RANKS_TOLD_MAX));
    msg->rank_us = us;
    msg->n_rank_us = (size_t)ranks * BIT_SECTION_SPLIT;
    if (told->order == NULL)
        return;
    choose(told, us, ranks);
    msg->rank_us = told->us;
    msg->n_rank_us = BIT_COUNT(told->us);
    msg->rank_told = told->rank;
    msg->n_rank_told = BIT_COUNT(told->rank);
}
