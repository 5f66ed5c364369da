#include "worker/ranks/weight_scales.h"

#include <stdlib.h>

#include "kernels/weight_measure.h"
#include "proto/check.h"
#include "proto/err.h"

static int count_segments(const struct bit_worker_plan *plan)
{
    int count = 0;

    for (int l = 0; l < plan->linear_count; l++)
        count += plan->linears[l].segment_count;
    return count;
}

static void fill_ranges(struct bit_weight_scales *m)
{
    int at = 0;

    for (int l = 0; l < m->plan->linear_count; l++)
        for (int s = 0; s < m->plan->linears[l].segment_count; s++) {
            struct bit_segment_range *range = &m->ranges[at++];
            int64_t count;
            bit_plan_segment(&m->plan->linears[l], s, &range->begin, &count);
            range->end = range->begin + count;
        }
}

/* The first rank with a part of each segment; shards are in flat order, and so are segments. */
static void fill_owned(struct bit_weight_scales *m)
{
    for (int r = 0, at = 0; r < m->shard->size; r++) {
        m->owned[r] = at;
        while (at < m->count && m->ranges[at].begin < m->shard->starts[r + 1])
            at++;
        m->owned[r + 1] = at;
    }
}

static bool is_median(const struct bit_worker_plan *plan)
{
    return plan->quantizer.weight_measure == BIT_MEASURE_MEDIAN;
}

/* The arrays in the backend's memory: where each pointer is, and its bytes. */
struct array {
    void **at;
    size_t bytes;
};
#define ARRAYS 7

static void list_arrays(struct bit_weight_scales *m, const struct bit_worker_plan *plan, struct array out[ARRAYS])
{
    const size_t count = (size_t)count_segments(plan), means = is_median(plan) ? 0 : count,
                 medians = is_median(plan) ? count : 0;
    const struct array all[ARRAYS] = {
        {(void **)&m->sums, means * sizeof *m->sums},
        {(void **)&m->all_sums, means * (size_t)plan->size * sizeof *m->all_sums},
        {(void **)&m->elements, means * sizeof *m->elements},
        {(void **)&m->bins, medians * BIT_HISTOGRAM_BINS * sizeof *m->bins},
        {(void **)&m->middle, medians * sizeof *m->middle},
        {(void **)&m->order, medians * sizeof *m->order},
        {(void **)&m->bits, medians * sizeof *m->bits},
    };

    for (int i = 0; i < ARRAYS; i++)
        out[i] = all[i];
}

static int allocate(struct bit_weight_scales *m)
{
    struct array arrays[ARRAYS];
    int err = 0;

    m->ranges = calloc((size_t)m->count, sizeof *m->ranges);
    m->owned = calloc((size_t)m->shard->size + 1, sizeof *m->owned);
    if (m->ranges == NULL || m->owned == NULL)
        return bit_fail(-ENOMEM, "%d weight segments", m->count);
    list_arrays(m, m->plan, arrays);
    for (int i = 0; i < ARRAYS && err >= 0; i++)
        if (arrays[i].bytes > 0)
            err = bit_exec_alloc(m->exec, arrays[i].bytes, arrays[i].at);
    return err;
}

/* What depends on the shapes alone: how many elements, or the place of the median among them. */
static int upload_shapes(struct bit_weight_scales *m)
{
    int64_t *numbers = calloc((size_t)m->count, sizeof *numbers);
    void *to = is_median(m->plan) ? (void *)m->middle : (void *)m->elements;
    int err;

    if (numbers == NULL)
        return bit_fail(-ENOMEM, "%d weight segments", m->count);
    for (int i = 0; i < m->count; i++) {
        const int64_t elements = m->ranges[i].end - m->ranges[i].begin;
        numbers[i] = is_median(m->plan) ? (elements - 1) / 2 : elements;
    }
    err = bit_exec_copy(m->exec, to, numbers, (size_t)m->count * sizeof *numbers);
    if (err >= 0)
        err = bit_exec_wait(m->exec);
    free(numbers);
    return err;
}

int bit_weight_scales_init(struct bit_weight_scales *m, const struct bit_worker_plan *plan,
                           const struct bit_shard *shard, struct bit_exec *exec)
{
    int err;

    *m = (struct bit_weight_scales){.plan = plan, .shard = shard, .exec = exec, .count = count_segments(plan)};
    err = allocate(m);
    if (err >= 0) {
        fill_ranges(m);
        fill_owned(m);
        err = upload_shapes(m);
    }
    if (err < 0)
        bit_weight_scales_finish(m);
    return err;
}

void bit_weight_scales_finish(struct bit_weight_scales *m)
{
    struct array arrays[ARRAYS];

    if (m->plan != NULL) {
        list_arrays(m, m->plan, arrays);
        for (int i = 0; i < ARRAYS; i++)
            bit_exec_free(m->exec, *arrays[i].at, arrays[i].bytes);
    }
    free(m->ranges);
    free(m->owned);
    *m = (struct bit_weight_scales){0};
}

/* This rank's part of a segment. */
static const float *part_of(const struct bit_weight_scales *m, int i, const float *master, int64_t *count)
{
    return master + (bit_shard_part(m->shard, m->ranges[i].begin, m->ranges[i].end, count) - m->shard->begin);
}

/* Sums of parts are exact (measure.h of kernels), and added in rank order besides. */
static int sum_magnitudes(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master)
{
    const size_t bytes = (size_t)m->count * sizeof *m->sums;
    int err = bit_exec_zero(m->exec, m->sums, bytes);

    for (int i = 0; i < m->count && err >= 0; i++) {
        struct bit_absmean_args args = {.sum = &m->sums[i]};
        args.w = part_of(m, i, master, &args.count);
        err = args.count > 0 ? bit_absmean(m->exec, &args) : 0;
    }
    if (err >= 0)
        bit_fabric_gather(fabric, m->sums, bytes, m->all_sums);
    return err;
}

/* A segment that lies across a border is counted by all who have a part of it: the last of one rank, the first of
 * those after it. */
static void share_counts(struct bit_weight_scales *m, struct bit_fabric *fabric)
{
    for (int r = 0; r + 1 < m->shard->size; r++) {
        const int64_t last = m->owned[r + 1] - 1;

        if (m->owned[r] <= last && m->ranges[last].end > m->shard->starts[r + 1])
            bit_fabric_sum_u64(fabric, m->bins + last * BIT_HISTOGRAM_BINS, BIT_HISTOGRAM_BINS);
    }
}

/* One half of the bits of every median: upper halves first, then the lower halves of those that share it. */
static int find_halves(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master, int pass)
{
    const struct bit_histogram_search_args search = {
        .count = m->count, .counts = m->bins, .order = m->order, .bits = m->bits};
    int err = bit_exec_zero(m->exec, m->bins, (size_t)m->count * BIT_HISTOGRAM_BINS * sizeof *m->bins);

    for (int i = 0; i < m->count && err >= 0; i++) {
        struct bit_histogram_args args = {
            .pass = pass, .upper = &m->bits[i], .counts = m->bins + (int64_t)i * BIT_HISTOGRAM_BINS};
        args.w = part_of(m, i, master, &args.count);
        err = args.count > 0 ? bit_histogram(m->exec, &args) : 0;
    }
    if (err < 0)
        return err;
    share_counts(m, fabric);
    return bit_histogram_search(m->exec, &search);
}

/* Owners know their segments' medians; what the others have found in their place is overwritten. */
static int find_medians(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master)
{
    int err = bit_exec_copy(m->exec, m->order, m->middle, (size_t)m->count * sizeof *m->order);

    if (err >= 0)
        err = bit_exec_zero(m->exec, m->bits, (size_t)m->count * sizeof *m->bits);
    for (int pass = 0; pass < 2 && err >= 0; pass++)
        err = find_halves(m, fabric, master, pass);
    if (err >= 0)
        bit_fabric_gather_ranges(fabric, m->bits, sizeof *m->bits, m->owned);
    return err;
}

int bit_weight_scales_find(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master, float *scales)
{
    const bool median = is_median(m->plan);
    const struct bit_weight_scale_args args = {
        .count = m->count,
        .ranks = m->shard->size,
        .sums = m->all_sums,
        .elements = m->elements,
        .bits = m->bits,
        .eps = m->plan->quantizer.eps,
        .scale = scales,
    };
    int err = median ? find_medians(m, fabric, master) : sum_magnitudes(m, fabric, master);

    return err < 0 ? err : bit_weight_scale(m->exec, &args);
}
