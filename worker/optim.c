#include "worker/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/adamw.h"
#include "proto/check.h"
#include "proto/err.h"

static float *alloc_floats(int64_t count)
{
    size_t bytes = (size_t)bit_round_up(BIT_MAX(count, 1) * (int64_t)sizeof(float), 64);
    float *p = aligned_alloc(64, bytes);

    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

int bit_optim_init(struct bit_optim *optim, struct bit_shard *shard, const Bit__OptimizerSpec *spec)
{
    *optim = (struct bit_optim){
        .shard = shard,
        .eps = spec->eps,
        .clip_norm = spec->clip_norm,
        .decay_embeddings = spec->decay_embeddings,
        .master = alloc_floats(shard->count),
        .exp_avg = alloc_floats(shard->count),
        .exp_avg_sq = alloc_floats(shard->count),
        .block_sums = calloc((size_t)shard->blocks, sizeof *optim->block_sums),
    };
    if (optim->master == NULL || optim->exp_avg == NULL || optim->exp_avg_sq == NULL || optim->block_sums == NULL) {
        bit_optim_finish(optim);
        return bit_fail(-ENOMEM, "optimizer state of %lld parameters", (long long)shard->count);
    }
    return 0;
}

void bit_optim_finish(struct bit_optim *optim)
{
    free(optim->master);
    free(optim->exp_avg);
    free(optim->exp_avg_sq);
    free(optim->block_sums);
    *optim = (struct bit_optim){0};
}

/* Blocks side by side, each by one thread: the operator itself would add them up. */
static int sum_blocks(struct bit_optim *optim, const struct bit_exec *exec, const float *grad)
{
    const struct bit_shard *shard = optim->shard;
    struct bit_exec single = *exec;
    int failed = 0;

    single.threads = 1;
#pragma omp parallel for num_threads(exec->threads) schedule(static) reduction(min : failed)
    for (int64_t b = 0; b < shard->block_count; b++) {
        int64_t at = b * BIT_SUM_BLOCK;
        const struct bit_sumsq_args args = {
            .count = BIT_MIN(BIT_SUM_BLOCK, shard->count - at),
            .g = grad + shard->begin + at,
            .sum = &optim->block_sums[shard->first_block + b],
        };
        int err = bit_sumsq(&single, &args);
        failed = BIT_MIN(failed, err);
    }
    return failed;
}

int bit_optim_norm(struct bit_optim *optim, struct bit_comm *comm, const struct bit_exec *exec, const float *grad,
                   double *norm)
{
    double sum = 0;
    int err = sum_blocks(optim, exec, grad);

    if (err < 0)
        return err;
    bit_comm_gather_ranges(comm, optim->block_sums, sizeof *optim->block_sums, optim->shard->block_starts);
    for (int64_t b = 0; b < optim->shard->blocks; b++)
        sum += optim->block_sums[b];
    *norm = sqrt(sum);
    return 0;
}

double bit_optim_clip(const struct bit_optim *optim, double norm)
{
    double coef = optim->clip_norm / (norm + 1e-6);

    return optim->clip_norm > 0 && coef < 1 ? coef : 1;
}

/* One group: the part of [begin, end) that this rank has. */
static int update_group(struct bit_optim *optim, const struct bit_exec *exec, const float *grad,
                        const struct bit_optim_args *args, int64_t begin, int64_t end, double weight_decay)
{
    int64_t count, first = bit_shard_part(optim->shard, begin, end, &count);
    int64_t at = first - optim->shard->begin;
    const struct bit_adamw_args update = {
        .count = count,
        .p = optim->master + at,
        .m = optim->exp_avg + at,
        .v = optim->exp_avg_sq + at,
        .g = grad + first,
        .lr = args->lr,
        .beta1 = args->beta1,
        .beta2 = args->beta2,
        .eps = optim->eps,
        .weight_decay = weight_decay,
        .grad_scale = args->grad_scale,
        .t = args->t,
    };

    return count > 0 ? bit_adamw(exec, &update) : 0;
}

int bit_optim_update(struct bit_optim *optim, const struct bit_exec *exec, const float *grad,
                     const struct bit_optim_args *args)
{
    const struct bit_shard *shard = optim->shard;
    const double others = optim->decay_embeddings ? args->weight_decay : 0;
    int err = update_group(optim, exec, grad, args, 0, shard->linear_begin, others);

    if (err >= 0)
        err = update_group(optim, exec, grad, args, shard->linear_begin, shard->linear_end, args->weight_decay);
    if (err >= 0)
        err = update_group(optim, exec, grad, args, shard->linear_end, shard->starts[shard->size], others);
    return err;
}

void bit_optim_reset(struct bit_optim *optim)
{
    memset(optim->exp_avg, 0, (size_t)optim->shard->count * sizeof *optim->exp_avg);
    memset(optim->exp_avg_sq, 0, (size_t)optim->shard->count * sizeof *optim->exp_avg_sq);
}

static uint64_t digest(struct bit_optim *optim, struct bit_comm *comm, const float *values, int threads)
{
    const uint32_t *crc = bit_shard_checksums(optim->shard, comm, values, threads);

    return bit_checkpoint_digest(crc, (size_t)optim->shard->blocks);
}

uint64_t bit_optim_weights_digest(struct bit_optim *optim, struct bit_comm *comm, int threads)
{
    return digest(optim, comm, optim->master, threads);
}

uint64_t bit_optim_moments_digest(struct bit_optim *optim, struct bit_comm *comm, int threads)
{
    const uint64_t both[2] = {digest(optim, comm, optim->exp_avg, threads),
                              digest(optim, comm, optim->exp_avg_sq, threads)};
    const uint32_t words[4] = {(uint32_t)both[0], (uint32_t)(both[0] >> 32), (uint32_t)both[1],
                               (uint32_t)(both[1] >> 32)};

    return bit_checkpoint_digest(words, BIT_COUNT(words));
}
