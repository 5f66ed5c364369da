#include "worker/ranks/fabric.h"

#include <stddef.h>
#include <stdio.h>

#include "config.h"
#include "kernels/op_trace.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/ranks/fabric_nccl.h"

#if BIT_HAVE_NCCL
static const struct bit_nccl_calls *const between_gpus = &bit_nccl_calls;
#else
static const struct bit_nccl_calls *const between_gpus = NULL;
#endif

static void describe(struct bit_fabric *fabric)
{
    if (fabric->comm->size == 1)
        snprintf(fabric->description, sizeof fabric->description, "one rank");
    else if (fabric->nccl == NULL)
        snprintf(fabric->description, sizeof fabric->description, "mpi");
}

static int connect_gpus(struct bit_fabric *fabric)
{
    if (between_gpus == NULL)
        return bit_fail(-ENOTSUP, "several ranks on GPUs need NCCL, which this bitworker was built without");
    return between_gpus->create(fabric, &fabric->nccl);
}

int bit_fabric_init(struct bit_fabric *fabric, struct bit_comm *comm, struct bit_exec *exec, int threads)
{
    int err = 0;

    *fabric = (struct bit_fabric){.comm = comm, .exec = exec, .threads = threads};
    if (comm->size > 1 && exec->backend == BIT_BACKEND_CUDA)
        err = bit_comm_agree(comm, connect_gpus(fabric));
    describe(fabric);
    return err;
}

void bit_fabric_finish(struct bit_fabric *fabric)
{
    if (fabric->nccl != NULL)
        between_gpus->destroy(fabric->nccl);
    *fabric = (struct bit_fabric){0};
}

/* What a rank sends of its own or gets of the others' is the same number of bytes, but for how the ranges lie. */
static uint64_t others_bytes(const struct bit_fabric *fabric, const int64_t *starts, size_t element_bytes)
{
    const int rank = fabric->comm->rank, size = fabric->comm->size;

    return (uint64_t)(starts[size] - starts[0] - (starts[rank + 1] - starts[rank])) * element_bytes;
}

void bit_fabric_gather_ranges(struct bit_fabric *fabric, void *vector, size_t element_bytes, const int64_t *starts)
{
    if (fabric->comm->size == 1)
        return;
    fabric->gathered_bytes += others_bytes(fabric, starts, element_bytes);
    if (fabric->nccl != NULL) {
        bit_op_trace_begin(fabric->exec, "gather");
        between_gpus->gather_ranges(fabric->nccl, vector, element_bytes, starts);
        bit_op_trace_end(fabric->exec);
    } else
        bit_comm_gather_ranges(fabric->comm, vector, element_bytes, starts);
}

void bit_fabric_gather(struct bit_fabric *fabric, const void *mine, size_t bytes, void *all)
{
    int err;

    if (fabric->comm->size > 1)
        fabric->gathered_bytes += bytes * (uint64_t)(fabric->comm->size - 1);
    if (fabric->nccl != NULL) {
        between_gpus->gather(fabric->nccl, mine, bytes, all);
        return;
    }
    if (fabric->comm->size > 1) {
        bit_comm_gather(fabric->comm, mine, bytes, all);
        return;
    }
    err = bit_exec_copy(fabric->exec, all, mine, bytes);
    if (err < 0)
        bit_comm_abort(fabric->comm, err);
}

void bit_fabric_sum_u64(struct bit_fabric *fabric, uint64_t *values, int64_t count)
{
    if (fabric->comm->size == 1 || count == 0)
        return;
    fabric->gathered_bytes += (uint64_t)count * sizeof *values;
    if (fabric->nccl != NULL)
        between_gpus->sum_u64(fabric->nccl, values, count);
    else
        bit_comm_sum_u64(fabric->comm, values, bit_to_int(count));
}

void bit_fabric_reduce_begin(struct bit_fabric *fabric, float *vector, const int64_t *starts, int64_t elements)
{
    fabric->vector = vector;
    fabric->starts = starts;
    fabric->unreduced = elements;
    if (fabric->comm->size > 1)
        fabric->reduced_bytes += others_bytes(fabric, starts, sizeof *vector);
}

void bit_fabric_reduce_part(struct bit_fabric *fabric, int64_t from, int64_t to)
{
    if (fabric->nccl == NULL)
        return;
    BIT_ASSERT(to == fabric->unreduced && from < to);
    between_gpus->reduce_range(fabric->nccl, fabric->vector, fabric->starts, from, to);
    fabric->unreduced = from;
}

void bit_fabric_reduce_end(struct bit_fabric *fabric)
{
    if (fabric->comm->size == 1)
        return;
    if (fabric->nccl == NULL) {
        bit_comm_reduce_ranges(fabric->comm, fabric->vector, fabric->starts, fabric->threads);
        return;
    }
    if (fabric->unreduced > 0)
        between_gpus->reduce_range(fabric->nccl, fabric->vector, fabric->starts, 0, fabric->unreduced);
    bit_op_trace_begin(fabric->exec, "reduce"); /* what of it was not hidden */
    between_gpus->reduce_wait(fabric->nccl);
    bit_op_trace_end(fabric->exec);
}
