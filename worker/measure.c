#include "worker/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

static int count_segments(const struct bit_plan *plan)
{
    int count = 0;

    for (int l = 0; l < plan->linear_count; l++)
        count += plan->linears[l].segment_count;
    return count;
}

static void fill_ranges(struct bit_measure_scales *m)
{
    int at = 0;

    for (int l = 0; l < m->plan->linear_count; l++)
        for (int s = 0; s < m->plan->linears[l].segment_count; s++) {
            struct bit_segment_range *range = &m->ranges[at++];
            int64_t count;
            bit_plan_segment(&m->plan->linears[l], s, &range->begin, &count);
            range->end = range->begin + count;
            range->linear = l;
            range->segment = s;
        }
}

int bit_measure_init(struct bit_measure_scales *m, const struct bit_plan *plan, const struct bit_shard *shard)
{
    size_t count = (size_t)count_segments(plan);

    *m = (struct bit_measure_scales){
        .plan = plan,
        .shard = shard,
        .count = (int)count,
        .ranges = calloc(count, sizeof *m->ranges),
        .sums = calloc(count * ((size_t)plan->size + 1), sizeof *m->sums),
        .medians = calloc(count, sizeof *m->medians),
        .bins = calloc(BIT_HISTOGRAM_BINS, sizeof *m->bins),
    };
    if (m->ranges == NULL || m->sums == NULL || m->medians == NULL || m->bins == NULL) {
        bit_measure_finish(m);
        return bit_fail(-ENOMEM, "measures of %zu weight segments", count);
    }
    fill_ranges(m);
    return 0;
}

void bit_measure_finish(struct bit_measure_scales *m)
{
    free(m->ranges);
    free(m->sums);
    free(m->medians);
    free(m->bins);
    *m = (struct bit_measure_scales){0};
}

/* This rank's part of a segment. */
static const float *part_of(const struct bit_measure_scales *m, int i, const float *master, int64_t *count)
{
    return master + (bit_shard_part(m->shard, m->ranges[i].begin, m->ranges[i].end, count) - m->shard->begin);
}

static float scale_of(const struct bit_measure_scales *m, float measure)
{
    return 1.0f / fmaxf(m->plan->quantizer.eps, measure);
}

/* Sums of parts are exact (ternarise.h), and added in rank order besides. */
static int measure_means(struct bit_measure_scales *m, struct bit_comm *comm, const struct bit_exec *exec,
                         const float *master, float *scales)
{
    double *all = m->sums + m->count;

    for (int i = 0; i < m->count; i++) {
        struct bit_absmean_args args = {.sum = &m->sums[i]};
        args.w = part_of(m, i, master, &args.count);
        m->sums[i] = 0;
        int err = args.count > 0 ? bit_absmean(exec, &args) : 0;
        if (err < 0)
            return err;
    }
    bit_comm_gather(comm, m->sums, (size_t)m->count * sizeof *m->sums, all);
    for (int i = 0; i < m->count; i++) {
        double sum = 0;
        for (int r = 0; r < comm->size; r++)
            sum += all[(int64_t)r * m->count + i];
        scales[i] = scale_of(m, (float)(sum / (double)(m->ranges[i].end - m->ranges[i].begin)));
    }
    return 0;
}

/* The rank that has all of segment i, or -1 if it is shared. */
static int owner_of(const struct bit_measure_scales *m, int i)
{
    for (int r = 0; r < m->shard->size; r++)
        if (m->shard->starts[r] <= m->ranges[i].begin && m->ranges[i].end <= m->shard->starts[r + 1])
            return r;
    return -1;
}

/* Two passes over the bits of |w|: the upper half first, then the lower half of those that share it. */
static int find_median(struct bit_measure_scales *m, struct bit_comm *comm, const struct bit_exec *exec, int i,
                       const float *master, bool shared)
{
    uint64_t rank = (uint64_t)(m->ranges[i].end - m->ranges[i].begin - 1) / 2, before;
    struct bit_histogram_args args = {.counts = m->bins};

    args.w = part_of(m, i, master, &args.count);
    for (args.pass = 0; args.pass < 2; args.pass++) {
        memset(m->bins, 0, BIT_HISTOGRAM_BINS * sizeof *m->bins);
        int err = args.count > 0 ? bit_histogram(exec, &args) : 0;
        if (err < 0)
            return err;
        if (shared)
            bit_comm_sum_u64(comm, m->bins, BIT_HISTOGRAM_BINS);
        uint32_t bin = bit_histogram_find(m->bins, rank, &before);
        rank -= before;
        m->medians[i] = m->medians[i] << 16 | bin;
        args.upper = bin;
    }
    return 0;
}

/* Only segments that lie across a shard's border need all ranks; the others are their owner's to tell. */
static int measure_medians(struct bit_measure_scales *m, struct bit_comm *comm, const struct bit_exec *exec,
                           const float *master, float *scales)
{
    memset(m->medians, 0, (size_t)m->count * sizeof *m->medians);
    for (int i = 0; i < m->count; i++) {
        int owner = owner_of(m, i);
        if (owner >= 0 && owner != comm->rank)
            continue;
        int err = find_median(m, comm, exec, i, master, owner < 0);
        if (err < 0)
            return err;
        if (owner < 0 && comm->rank != 0)
            m->medians[i] = 0; /* known to all: one is enough for the sum */
    }
    bit_comm_sum_u64(comm, m->medians, m->count);
    for (int i = 0; i < m->count; i++) {
        uint32_t bits = (uint32_t)m->medians[i];
        float median;
        memcpy(&median, &bits, sizeof median);
        scales[i] = scale_of(m, median);
    }
    return 0;
}

int bit_measure_segments(struct bit_measure_scales *m, struct bit_comm *comm, const struct bit_exec *exec,
                         const float *master, float *scales)
{
    if (m->plan->quantizer.weight_measure == BIT_MEASURE_MEDIAN)
        return measure_medians(m, comm, exec, master, scales);
    return measure_means(m, comm, exec, master, scales);
}
