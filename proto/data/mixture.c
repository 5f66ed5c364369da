#include "proto/data/mixture.h"

#include <math.h>

#include "proto/check.h"

#define ONE (1ll << 32)

static void rewind_to_start(struct bit_mixture *m)
{
    m->step = 0;
    for (size_t i = 0; i < m->sources; i++) {
        m->part[i].owed = 0;
        m->part[i].before = m->part[i].count = 0;
    }
}

/* Weights are rounded down; the first gets the remainder, which is about 2^-32 per source at most. */
void bit_mixture_init(struct bit_mixture *m, const double *weights, size_t sources, uint32_t batch)
{
    double sum = 0;
    uint64_t given = 0;

    BIT_ASSERT(sources >= 1 && sources <= BIT_SOURCES_MAX && batch >= 1 && batch <= BIT_INSTANCES_MAX);
    *m = (struct bit_mixture){.sources = sources, .batch = batch};
    for (size_t i = 0; i < sources; i++)
        sum += weights[i];
    for (size_t i = 0; i < sources; i++) {
        BIT_ASSERT(weights[i] > 0 && isfinite(weights[i]));
        m->part[i].weight = (uint64_t)(weights[i] / sum * (double)ONE);
        given += m->part[i].weight;
    }
    BIT_ASSERT(given <= (uint64_t)ONE + sources);
    m->part[0].weight += (uint64_t)ONE - given;
}

/* The source that is owed most, after the instances that it has in this step. */
static size_t most_owed(const struct bit_mixture *m)
{
    size_t best = 0;

    for (size_t i = 1; i < m->sources; i++)
        if (m->part[i].owed > m->part[best].owed)
            best = i;
    return best;
}

/* The source that is owed least, among those with an instance in this step. */
static size_t least_owed(const struct bit_mixture *m)
{
    size_t best = m->sources;

    for (size_t i = 0; i < m->sources; i++)
        if (m->part[i].count > 0 && (best == m->sources || m->part[i].owed < m->part[best].owed))
            best = i;
    BIT_ASSERT(best < m->sources);
    return best;
}

static void give(struct bit_mixture_part *p, int64_t instances)
{
    p->count += (uint32_t)instances;
    p->owed -= instances * ONE;
}

static void next_step(struct bit_mixture *m)
{
    int64_t left = m->batch;

    for (size_t i = 0; i < m->sources; i++) {
        struct bit_mixture_part *p = &m->part[i];
        p->before += p->count;
        p->count = 0;
        p->owed += (int64_t)(p->weight * m->batch);
        if (p->owed >= ONE)
            give(p, p->owed / ONE);
        left -= p->count;
    }
    for (; left > 0; left--)
        give(&m->part[most_owed(m)], 1);
    for (; left < 0; left++)
        give(&m->part[least_owed(m)], -1);
    m->step++;
}

void bit_mixture_go(struct bit_mixture *m, uint64_t step)
{
    BIT_ASSERT(step >= 1);
    if (step < m->step)
        rewind_to_start(m);
    while (m->step < step)
        next_step(m);
}
