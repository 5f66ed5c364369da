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

static bool has_part(const struct bit_block_run *run, const struct bit_segment_range *range)
{
    const int64_t begin = run->first * BIT_LAYOUT_BLOCK, end = begin + run->blocks * BIT_LAYOUT_BLOCK;

    return begin < range->end && end > range->begin;
}

/* Walks one rank's runs and the segments, both ascending. `ranks` counts the ranks that have a part of each segment. */
static void count_rank(struct bit_weight_scales *m, int rank, const struct bit_block_run *runs, int count, int *ranks)
{
    for (int i = 0, r = 0; i < m->count; i++) {
        while (r < count && (runs[r].first + runs[r].blocks) * BIT_LAYOUT_BLOCK <= m->ranges[i].begin)
            r++;
        if (r == count || !has_part(&runs[r], &m->ranges[i]))
            continue;
        m->facts[i].told |= ranks[i] == 0 && rank == m->plan->shard_rank;
        m->facts[i].shared = ++ranks[i] > 1;
    }
}

static int fill_facts(struct bit_weight_scales *m)
{
    const struct bit_layout *layout = m->shard->layout;
    struct bit_block_run *runs = calloc((size_t)bit_layout_runs_max(layout), sizeof *runs);
    int *ranks = calloc((size_t)m->count, sizeof *ranks);
    const bool ok = runs != NULL && ranks != NULL;

    for (int r = 0; ok && r < layout->size; r++)
        count_rank(m, r, runs, bit_layout_runs(layout, r, runs), ranks);
    free(runs);
    free(ranks);
    return ok ? 0 : bit_fail(-ENOMEM, "%d weight segments", m->count);
}

static bool is_median(const struct bit_worker_plan *plan)
{
    return plan->quantizer.weight_measure == BIT_MEASURE_MEDIAN;
}

/* An array in the backend's memory: the address of its pointer, and its bytes. */
struct array {
    void **at;
    size_t bytes;
};
#define ARRAYS 6

static void list_arrays(struct bit_weight_scales *m, const struct bit_worker_plan *plan, struct array out[ARRAYS])
{
    const size_t count = (size_t)count_segments(plan), means = is_median(plan) ? 0 : count,
                 medians = is_median(plan) ? count : 0;
    const struct array all[ARRAYS] = {
        {(void **)&m->sums, means * BIT_PLAN_PARTS_MAX * sizeof *m->sums},
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
    m->facts = calloc((size_t)m->count, sizeof *m->facts);
    if (m->ranges == NULL || m->facts == NULL)
        return bit_fail(-ENOMEM, "%d weight segments", m->count);
    list_arrays(m, m->plan, arrays);
    for (int i = 0; i < ARRAYS && err >= 0; i++)
        if (arrays[i].bytes > 0)
            err = bit_exec_alloc(m->exec, arrays[i].bytes, arrays[i].at);
    return err;
}

/* Uploads what depends only on the shapes: the number of elements, or the median's place among them. */
static int upload_shapes(struct bit_weight_scales *m)
{
    int64_t *numbers = calloc((size_t)m->count, sizeof *numbers);
    void *to = is_median(m->plan) ? (void *)m->middle : (void *)m->elements;
    int err;

    if (numbers == NULL)
        return bit_fail(-ENOMEM, "%d weight segments", m->count);
    for (int i = 0; i < m->count; i++) {
        const int64_t elements = m->ranges[i].end - m->ranges[i].begin;
        BIT_ASSERT(!is_median(m->plan) || elements <= UINT32_MAX); /* spec_check.c */
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
    m->joined = exec->backend == BIT_BACKEND_CUDA;
    err = allocate(m);
    if (err >= 0) {
        fill_ranges(m);
        err = fill_facts(m);
    }
    if (err >= 0)
        err = upload_shapes(m);
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
    free(m->facts);
    *m = (struct bit_weight_scales){0};
}

/* ---- means */

static int sum_parts(struct bit_weight_scales *m, int i, const float *master)
{
    const struct bit_segment_range *range = &m->ranges[i];
    struct bit_shard_part part = {0};
    int err = 0;

    for (int p = 0; err >= 0 && bit_shard_next(m->shard, range->begin, range->end, &part); p++) {
        const struct bit_absmean_args args = {
            .count = part.count, .w = master + part.at, .sum = &m->sums[(int64_t)p * m->count + i]};
        BIT_ASSERT(p < BIT_PLAN_PARTS_MAX);
        err = bit_absmean(m->exec, &args);
    }
    return err;
}

/* The sums of parts are exact (kernels/weight_measure.h), so the order in which ranks are added does not matter. */
static int sum_magnitudes(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master)
{
    const int64_t sums = (int64_t)BIT_PLAN_PARTS_MAX * m->count;
    int err = bit_exec_zero(m->exec, m->sums, (size_t)sums * sizeof *m->sums);

    for (int i = 0; i < m->count && err >= 0; i++)
        err = sum_parts(m, i, master);
    if (err >= 0)
        bit_fabric_sum_f64(fabric, m->sums, sums);
    return err;
}

/* ---- medians */

static int count_parts(struct bit_weight_scales *m, int i, const float *master, int pass)
{
    const struct bit_segment_range *range = &m->ranges[i];
    struct bit_shard_part part = {0};
    int err = 0;

    while (err >= 0 && bit_shard_next(m->shard, range->begin, range->end, &part)) {
        const struct bit_histogram_args args = {.count = part.count,
                                                .w = master + part.at,
                                                .pass = pass,
                                                .upper = &m->bits[i],
                                                .counts = m->bins + (int64_t)i * BIT_HISTOGRAM_BINS};
        err = bit_histogram(m->exec, &args);
    }
    return err;
}

/* The end of the range of segments from i on that have the same `shared` or `told`. */
static int alike_until(const struct bit_weight_scales *m, int i, bool by_told)
{
    const struct bit_segment_facts first = m->facts[i];

    for (i++; i < m->count; i++)
        if (by_told ? m->facts[i].told != first.told : m->facts[i].shared != first.shared)
            break;
    return i;
}

static void add_counts(struct bit_weight_scales *m, struct bit_fabric *fabric, int first, int end)
{
    bit_fabric_sum_u32(fabric, m->bins + (int64_t)first * BIT_HISTOGRAM_BINS,
                       (int64_t)(end - first) * BIT_HISTOGRAM_BINS);
}

/* Adds up the counts of segments that several ranks have parts of. With many ranks these are all segments. With few,
 * segments between them have one rank: between GPUs their bytes cost less than another all-reduce, between processors
 * more. */
static void share_counts(struct bit_weight_scales *m, struct bit_fabric *fabric)
{
    int first = m->count, last = -1;

    for (int i = 0, end; i < m->count; i = end) {
        end = alike_until(m, i, false);
        if (!m->facts[i].shared)
            continue;
        first = BIT_MIN(first, i);
        last = end;
        if (!m->joined)
            add_counts(m, fabric, i, end);
    }
    if (m->joined && first < last)
        add_counts(m, fabric, first, last);
}

/* Finds one half of every median's bits: the upper half first, then the lower half among the weights that share the
 * upper one. */
static int find_halves(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master, int pass)
{
    const struct bit_histogram_search_args search = {
        .count = m->count, .counts = m->bins, .order = m->order, .bits = m->bits};
    int err = bit_exec_zero(m->exec, m->bins, (size_t)m->count * BIT_HISTOGRAM_BINS * sizeof *m->bins);

    for (int i = 0; i < m->count && err >= 0; i++)
        err = count_parts(m, i, master, pass);
    if (err < 0)
        return err;
    share_counts(m, fabric);
    return bit_histogram_search(m->exec, &search);
}

/* The first rank that has a part of a segment shares its median: the others zero theirs, and the sum is the median. */
static int share_medians(struct bit_weight_scales *m, struct bit_fabric *fabric)
{
    int err = 0;

    for (int i = 0, end; i < m->count && err >= 0; i = end) {
        end = alike_until(m, i, true);
        if (!m->facts[i].told)
            err = bit_exec_zero(m->exec, m->bits + i, (size_t)(end - i) * sizeof *m->bits);
    }
    if (err >= 0)
        bit_fabric_sum_u32(fabric, m->bits, m->count);
    return err;
}

static int find_medians(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master)
{
    int err = bit_exec_copy(m->exec, m->order, m->middle, (size_t)m->count * sizeof *m->order);

    if (err >= 0)
        err = bit_exec_zero(m->exec, m->bits, (size_t)m->count * sizeof *m->bits);
    for (int pass = 0; pass < 2 && err >= 0; pass++)
        err = find_halves(m, fabric, master, pass);
    return err < 0 ? err : share_medians(m, fabric);
}

int bit_weight_scales_find(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master, float *scales)
{
    const bool median = is_median(m->plan);
    const struct bit_weight_scale_args args = {
        .count = m->count,
        .ranks = BIT_PLAN_PARTS_MAX,
        .sums = m->sums,
        .elements = m->elements,
        .bits = m->bits,
        .eps = m->plan->quantizer.eps,
        .scale = scales,
    };
    int err = median ? find_medians(m, fabric, master) : sum_magnitudes(m, fabric, master);

    return err < 0 ? err : bit_weight_scale(m->exec, &args);
}
