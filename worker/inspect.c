#include "worker/inspect.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "kernels/clip.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/ranks/worker_state.h"

void bit_inspection_add(struct bit_inspection *in, const struct bit_anomaly *what)
{
    if (in->count < BIT_INSPECT_MOST)
        in->item[in->count++] = *what;
}

/* ---- numbers */

/* Overwrites the optimizer's norm, which has been read already. An operator's failure counts as not finite. */
static bool is_finite(struct bit_worker *w, const float *v, int64_t count)
{
    const struct bit_sumsq_args squares = {.count = count, .g = v, .sums = w->optim.block_sums};
    const struct bit_clip_args clip = {
        .blocks = (count + BIT_SUM_BLOCK - 1) / BIT_SUM_BLOCK,
        .sums = w->optim.block_sums,
        .norm = &w->optim.clip[0],
        .scale = &w->optim.clip[1],
    };
    double norm = 0;

    if (count <= 0)
        return true;
    return bit_sumsq(&w->model->exec, &squares) >= 0 && bit_clip(&w->model->exec, &clip) >= 0 &&
           bit_optim_read_norm(&w->optim, &norm) >= 0 && isfinite(norm);
}

static bool gradient_is_finite(struct bit_worker *w, int64_t begin, int64_t end)
{
    return is_finite(w, w->model->grad + begin, end - begin);
}

/* This rank's part of the vector, where the gradient is the ranks' sum. rest_is_finite checks everything else. */
static bool own_is_finite(struct bit_worker *w)
{
    bool finite = true;

    for (int i = 0; i < w->shard.run_count; i++)
        finite &= gradient_is_finite(w, w->shard.runs[i].begin, w->shard.runs[i].begin + w->shard.runs[i].count);
    return finite;
}

static bool rest_is_finite(struct bit_worker *w)
{
    bool finite = true;
    int64_t covered = 0;

    for (int i = 0; i < w->shard.run_count; i++) {
        finite &= gradient_is_finite(w, covered, w->shard.runs[i].begin);
        covered = w->shard.runs[i].begin + w->shard.runs[i].count;
    }
    return finite & gradient_is_finite(w, covered, w->plan.elements);
}

/*
 * The reduction replaced only this rank's part of the gradient by the sum; the rest is still what the rank itself
 * computed. The first rank with a bad rest is the source. If every rank's rest is finite, it is the first rank whose
 * sum is not, because the sum has replaced that rank's own part.
 */
int bit_inspect_norm(struct bit_worker *w, double norm, uint64_t step)
{
    enum { REST = 1, SUM = 2 };
    const uint64_t mine = (rest_is_finite(w) ? 0 : REST) | (own_is_finite(w) ? 0 : SUM);
    const uint64_t *all = w->gathered;
    int rank = -1;

    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    for (int r = w->comm->size; r-- > 0;)
        if (all[r] & REST)
            rank = r;
    for (int r = 0; r < w->comm->size && rank < 0; r++)
        if (all[r] & SUM)
            rank = r;
    w->comm->failed_rank = BIT_MAX(rank, 0);
    return bit_fail(BIT_ENUMERIC, "gradient norm %g in step %" PRIu64 ", from rank %d", norm, step,
                    w->comm->failed_rank);
}

/* ---- where */

/* The first tensor whose weights on this rank contain NaN or infinity, or tensor_count. */
static int64_t bad_weights(struct bit_worker *w)
{
    for (int i = 0; i < w->plan.tensor_count; i++) {
        const struct bit_tensor *t = &w->plan.tensors[i];
        struct bit_shard_part part = {0};
        while (bit_shard_next(&w->shard, t->offset, t->offset + t->rows * t->cols, &part))
            if (!is_finite(w, w->optim.master + part.at, part.count))
                return i;
    }
    return w->plan.tensor_count;
}

/* The backward pass goes from the end of the vector to its start, so the last bad tensor is the one that broke
 * first. */
static int64_t bad_gradient(struct bit_worker *w)
{
    for (int i = w->plan.tensor_count; i-- > 0;) {
        const struct bit_tensor *t = &w->plan.tensors[i];
        if (!gradient_is_finite(w, t->offset, t->offset + t->rows * t->cols))
            return i;
    }
    return w->plan.tensor_count;
}

int bit_inspect_number(struct bit_worker *w, bool loss, struct bit_inspection *in)
{
    struct bit_anomaly a = {.kind = loss ? BIT__ANOMALY_KIND__NAN_LOSS : BIT__ANOMALY_KIND__NAN_GRADIENT,
                            .rank = w->comm->failed_rank};
    const int64_t mine = loss ? bad_weights(w) : bad_gradient(w);
    const int64_t *all = w->gathered;
    int64_t tensor;

    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    tensor = all[a.rank];
    for (int r = 0; r < w->comm->size && loss; r++)
        tensor = BIT_MIN(tensor, all[r]);
    if (tensor < w->plan.tensor_count)
        snprintf(a.place, sizeof a.place, "%.*s", (int)sizeof a.place - 1, w->plan.tensors[tensor].name);
    bit_inspection_add(in, &a);
    return 0;
}

/* ---- bounds */

bool bit_inspect_bounds(double loss, double loss_most, double norm, double norm_most, struct bit_inspection *in)
{
    const bool high_loss = loss > loss_most, high_norm = norm > norm_most;
    const struct bit_anomaly a = {
        .kind = high_loss ? BIT__ANOMALY_KIND__LOSS_SPIKE : BIT__ANOMALY_KIND__NORM_SPIKE,
        .rank = -1,
        .has_value = true,
        .value = high_loss ? loss : norm,
        .bound = high_loss ? loss_most : norm_most,
    };

    if (!high_loss && !high_norm)
        return false;
    bit_inspection_add(in, &a);
    return true;
}
