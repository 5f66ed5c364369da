#include "worker/ranks/fabric.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "kernels/exec/op_trace.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/ranks/fabric_nccl.h"

#if BIT_HAVE_NCCL
static const struct bit_nccl_calls *const between_gpus = &bit_nccl_calls;
#else
static const struct bit_nccl_calls *const between_gpus = NULL;
#endif

/* ---- life */

static void describe(struct bit_fabric *fabric)
{
    if (fabric->comm->size == 1)
        snprintf(fabric->description, sizeof fabric->description, "one rank");
    else if (fabric->nccl == NULL)
        snprintf(fabric->description, sizeof fabric->description, "mpi");
    if (fabric->across == NULL)
        return;
    const size_t used = strlen(fabric->description);
    snprintf(fabric->description + used, sizeof fabric->description - used, ", weights cut over groups of %d",
             fabric->group->size);
}

static int connect_gpus(struct bit_fabric *fabric)
{
    if (between_gpus == NULL)
        return bit_fail(-ENOTSUP, "several ranks on GPUs need NCCL, which this bitworker was built without");
    return between_gpus->create(fabric, &fabric->nccl);
}

static size_t gaps_bytes(const struct bit_fabric *fabric)
{
    return (size_t)(fabric->layout->size * fabric->layout->gap_each * BIT_LAYOUT_BLOCK) * sizeof(float);
}

static int allocate(struct bit_fabric *fabric)
{
    const size_t spans = (size_t)fabric->layout->span_count + 1;

    fabric->coming = calloc(spans, sizeof *fabric->coming);
    fabric->requests = calloc(spans, sizeof *fabric->requests);
    if (fabric->coming == NULL || fabric->requests == NULL)
        return bit_fail(-ENOMEM, "%zu collectives", spans);
    if (fabric->comm->size == 1 || fabric->layout->gap_blocks == 0)
        return 0;
    return bit_exec_alloc(fabric->exec, gaps_bytes(fabric), (void **)&fabric->gaps);
}

int bit_fabric_init(struct bit_fabric *fabric, struct bit_comm *comm, struct bit_exec *exec,
                    const struct bit_layout *layout, int threads)
{
    int err;

    *fabric = (struct bit_fabric){.comm = comm,
                                  .group = bit_comm_group(comm),
                                  .across = comm->across,
                                  .exec = exec,
                                  .layout = layout,
                                  .threads = threads};
    BIT_ASSERT(fabric->group->size == layout->size);
    err = bit_comm_agree(comm, allocate(fabric));
    if (err >= 0 && comm->size > 1 && exec->backend == BIT_BACKEND_CUDA)
        err = bit_comm_agree(comm, connect_gpus(fabric));
    describe(fabric);
    return err;
}

void bit_fabric_finish(struct bit_fabric *fabric)
{
    bit_fabric_gather_end(fabric);
    if (fabric->nccl != NULL)
        between_gpus->destroy(fabric->nccl);
    free(fabric->coming);
    free(fabric->requests);
    if (fabric->gaps != NULL)
        bit_exec_free(fabric->exec, fabric->gaps, gaps_bytes(fabric));
    *fabric = (struct bit_fabric){0};
}

/* Aborts on an error: others may be inside a collective. */
static void must(struct bit_fabric *fabric, int err)
{
    if (err < 0)
        bit_comm_abort(fabric->comm, err);
}

/* ---- gaps, as one vector */

/* A range of the gaps' vector: all of it, or this rank's part. */
struct stretch {
    int64_t first, end; /* blocks */
};

static struct stretch own_stretch(const struct bit_fabric *fabric)
{
    const struct bit_layout *layout = fabric->layout;
    const int64_t first = BIT_MIN(fabric->group->rank * layout->gap_each, layout->gap_blocks);

    return (struct stretch){first, BIT_MIN(first + layout->gap_each, layout->gap_blocks)};
}

static struct stretch whole_stretch(const struct bit_fabric *fabric)
{
    return (struct stretch){0, fabric->layout->gap_blocks};
}

/* Copies a stretch of the gaps' vector from `what` (out: to `what`), where its blocks are in their gaps. */
static void copy_stretch(struct bit_fabric *fabric, const struct bit_gathered *what, struct stretch stretch, bool out)
{
    const int64_t bytes = (int64_t)what->block_bytes, from = (int64_t)what->from, to = (int64_t)what->to;
    int64_t before = 0;

    for (int g = 0; g < fabric->layout->gap_count; before += fabric->layout->gaps[g++].blocks) {
        const struct bit_block_run *gap = &fabric->layout->gaps[g];
        const int64_t shift = (gap->first - what->first_block - before) * bytes; /* from the gaps' vector to memory */
        const int64_t begin = BIT_MAX(BIT_MAX(stretch.first, before) * bytes, from - shift);
        const int64_t end = BIT_MIN(BIT_MIN(stretch.end, before + gap->blocks) * bytes, to - shift);
        if (begin >= end)
            continue;
        uint8_t *there = (uint8_t *)what->memory + begin + shift, *here = fabric->gaps + begin;
        must(fabric, bit_exec_copy(fabric->exec, out ? there : here, out ? here : there, (size_t)(end - begin)));
    }
}

/* ---- gathers */

static void all_gather(struct bit_fabric *fabric, uint8_t *vector, int64_t each)
{
    fabric->calls++;
    fabric->gathered_bytes += (uint64_t)(each * (fabric->group->size - 1));
    if (fabric->nccl != NULL)
        between_gpus->all_gather(fabric->nccl, vector, (size_t)each);
    else
        bit_comm_all_gather(fabric->group, vector, each);
}

/* The start of a span in memory; NULL if it is not gathered. */
static uint8_t *find_span(const struct bit_fabric *fabric, const struct bit_gathered *what, int s)
{
    const struct bit_layout_span *span = &fabric->layout->spans[s];
    const int64_t bytes = (int64_t)what->block_bytes, begin = (span->first - what->first_block) * bytes,
                  end = begin + span->each * fabric->layout->size * bytes;

    if (end <= (int64_t)what->from || begin >= (int64_t)what->to)
        return NULL;
    BIT_ASSERT(begin >= (int64_t)what->from && end <= (int64_t)what->to);
    return (uint8_t *)what->memory + begin;
}

static void gather_gaps(struct bit_fabric *fabric, const struct bit_gathered *what)
{
    if (fabric->gaps == NULL)
        return;
    copy_stretch(fabric, what, own_stretch(fabric), false);
    all_gather(fabric, fabric->gaps, fabric->layout->gap_each * (int64_t)what->block_bytes);
    copy_stretch(fabric, what, whole_stretch(fabric), true);
}

static bool nothing_to_gather(const struct bit_fabric *fabric, const struct bit_gathered *what)
{
    BIT_ASSERT(what->block_bytes <= BIT_LAYOUT_BLOCK * sizeof(float));
    return fabric->group->size == 1 || what->from >= what->to;
}

/* ---- gathers beside */

static void begin_span(struct bit_fabric *fabric, uint8_t *vector, int s, int64_t each)
{
    const int slot = fabric->coming_count++;

    BIT_ASSERT(slot == 0 || fabric->coming[slot - 1] < s);
    fabric->coming[slot] = s;
    fabric->calls++;
    fabric->gathered_bytes += (uint64_t)(each * (fabric->group->size - 1));
    if (fabric->nccl != NULL)
        between_gpus->gather_beside(fabric->nccl, vector, (size_t)each, slot);
    else
        bit_comm_all_gather_begin(fabric->group, vector, each, &fabric->requests[slot]);
}

static void begin_spans(struct bit_fabric *fabric, const struct bit_gathered *what)
{
    for (int s = 0; s < fabric->layout->span_count; s++) {
        uint8_t *span = find_span(fabric, what, s);
        if (span != NULL)
            begin_span(fabric, span, s, fabric->layout->spans[s].each * (int64_t)what->block_bytes);
    }
}

/* Gaps first: between GPUs the two communicators must never work at the same time. */
void bit_fabric_gather_begin(struct bit_fabric *fabric, const struct bit_gathered *what, int count)
{
    BIT_ASSERT(fabric->come == fabric->coming_count);
    fabric->come = fabric->coming_count = 0;
    bit_op_trace_begin(fabric->exec, "gather");
    for (int i = 0; i < count; i++)
        if (!nothing_to_gather(fabric, &what[i]))
            gather_gaps(fabric, &what[i]);
    bit_op_trace_end(fabric->exec);
    for (int i = 0; i < count; i++)
        if (!nothing_to_gather(fabric, &what[i]))
            begin_spans(fabric, &what[i]);
}

/* Between GPUs the exec's stream waits; the host does not. */
static void await_slot(struct bit_fabric *fabric, int slot)
{
    struct bit_sections *sections = fabric->comm->sections;
    enum bit_section before = BIT_SECTION_COMM;

    if (sections != NULL)
        before = bit_section_enter(sections, BIT_SECTION_COMM);
    bit_op_trace_begin(fabric->exec, "gather"); /* the part that was not hidden */
    if (fabric->nccl != NULL)
        between_gpus->gather_await(fabric->nccl, slot);
    else
        bit_comm_wait(fabric->group, &fabric->requests[slot]);
    bit_op_trace_end(fabric->exec);
    if (sections != NULL)
        bit_section_enter(sections, before);
}

void bit_fabric_gather_await(struct bit_fabric *fabric, int64_t end)
{
    while (fabric->come < fabric->coming_count && fabric->layout->spans[fabric->coming[fabric->come]].first < end)
        await_slot(fabric, fabric->come++);
}

void bit_fabric_gather_end(struct bit_fabric *fabric)
{
    if (fabric->come < fabric->coming_count)
        bit_fabric_gather_await(fabric, fabric->layout->blocks);
}

/* ---- sums */

static bool alone(struct bit_fabric *fabric, int64_t count, size_t bytes)
{
    if (fabric->group->size == 1 || count == 0)
        return true;
    fabric->calls++;
    fabric->gathered_bytes += (uint64_t)count * bytes;
    return false;
}

void bit_fabric_sum_u32(struct bit_fabric *fabric, uint32_t *values, int64_t count)
{
    if (alone(fabric, count, sizeof *values))
        return;
    bit_op_trace_begin(fabric->exec, "reduce");
    if (fabric->nccl != NULL)
        between_gpus->sum(fabric->nccl, values, count, BIT_NCCL_U32);
    else
        bit_comm_sum_u32(fabric->group, values, bit_to_int(count));
    bit_op_trace_end(fabric->exec);
}

void bit_fabric_sum_f64(struct bit_fabric *fabric, double *values, int64_t count)
{
    if (alone(fabric, count, sizeof *values))
        return;
    bit_op_trace_begin(fabric->exec, "reduce");
    if (fabric->nccl != NULL)
        between_gpus->sum(fabric->nccl, values, count, BIT_NCCL_F64);
    else
        bit_comm_sum_f64(fabric->group, values, bit_to_int(count));
    bit_op_trace_end(fabric->exec);
}

/* ---- reductions */

static void reduce_in_group(struct bit_fabric *fabric, float *vector, int64_t each)
{
    if (fabric->group->size == 1)
        return;
    fabric->calls++;
    fabric->reduced_bytes += (uint64_t)(each * (fabric->group->size - 1)) * sizeof *vector;
    if (fabric->nccl != NULL)
        between_gpus->reduce_scatter(fabric->nccl, vector, each);
    else
        bit_comm_reduce_scatter(fabric->group, vector, each, fabric->threads);
}

/* Reduces this rank's part across groups. An all-reduce sends it nearly twice. */
static void reduce_across(struct bit_fabric *fabric, float *own, int64_t count)
{
    if (fabric->across == NULL)
        return;
    fabric->calls++;
    fabric->reduced_bytes += (uint64_t)(2 * count * (fabric->across->size - 1) / fabric->across->size) * sizeof *own;
    if (fabric->nccl != NULL)
        between_gpus->all_reduce(fabric->nccl, own, count);
    else
        bit_comm_all_reduce(fabric->across, own, count, fabric->threads);
}

static void reduce(struct bit_fabric *fabric, float *vector, int64_t each)
{
    reduce_in_group(fabric, vector, each);
    reduce_across(fabric, vector + fabric->group->rank * each, each);
}

/* Reduces spans that lie entirely at or after `from`, the last ones first. */
static void reduce_spans(struct bit_fabric *fabric, int64_t from)
{
    for (; fabric->spans_left > 0; fabric->spans_left--) {
        const struct bit_layout_span *span = &fabric->layout->spans[fabric->spans_left - 1];
        if (span->first * BIT_LAYOUT_BLOCK < from)
            return;
        reduce(fabric, fabric->vector + span->first * BIT_LAYOUT_BLOCK, span->each * BIT_LAYOUT_BLOCK);
    }
}

/* Blocks of the gaps' vector after the last gap are zero. */
static void reduce_gaps(struct bit_fabric *fabric)
{
    const struct bit_layout *layout = fabric->layout;
    const struct bit_gathered gaps = {.memory = fabric->vector,
                                      .block_bytes = BIT_LAYOUT_BLOCK * sizeof(float),
                                      .to = (size_t)layout->elements * sizeof(float)};

    must(fabric, bit_exec_zero(fabric->exec, fabric->gaps, gaps_bytes(fabric)));
    copy_stretch(fabric, &gaps, whole_stretch(fabric), false);
    reduce(fabric, (float *)fabric->gaps, layout->gap_each * BIT_LAYOUT_BLOCK);
}

static void put_back_own_gaps(struct bit_fabric *fabric)
{
    const struct bit_gathered gaps = {.memory = fabric->vector,
                                      .block_bytes = BIT_LAYOUT_BLOCK * sizeof(float),
                                      .to = (size_t)fabric->layout->elements * sizeof(float)};

    copy_stretch(fabric, &gaps, own_stretch(fabric), true);
}

void bit_fabric_reduce_begin(struct bit_fabric *fabric, float *vector)
{
    fabric->vector = vector;
    fabric->spans_left = fabric->layout->span_count;
}

void bit_fabric_reduce_part(struct bit_fabric *fabric, int64_t from, int64_t to)
{
    BIT_ASSERT(from < to);
    if (fabric->nccl != NULL)
        reduce_spans(fabric, from);
}

void bit_fabric_reduce_end(struct bit_fabric *fabric)
{
    if (fabric->comm->size == 1)
        return;
    bit_op_trace_begin(fabric->exec, "reduce"); /* the part that was not hidden */
    reduce_spans(fabric, 0);
    if (fabric->gaps != NULL)
        reduce_gaps(fabric);
    if (fabric->nccl != NULL)
        between_gpus->reduce_wait(fabric->nccl);
    bit_op_trace_end(fabric->exec);
    if (fabric->gaps != NULL)
        put_back_own_gaps(fabric);
}
