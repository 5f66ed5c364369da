#include "worker/ranks/optim.h"

#include <inttypes.h>

#include "kernels/adamw.h"
#include "kernels/clip.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"

static size_t master_bytes(const struct bit_optim *optim)
{
    return (size_t)optim->shard->count * sizeof(float);
}

/* Bytes of one moment. */
static size_t moment_bytes(const struct bit_optim *optim)
{
    return optim->trains ? (size_t)optim->shard->count * bit_dtype_bytes(optim->moments) : 0;
}

static int allocate(struct bit_optim *optim)
{
    int err = bit_exec_alloc(optim->exec, master_bytes(optim), (void **)&optim->master);

    if (err >= 0 && optim->trains)
        err = bit_exec_alloc(optim->exec, moment_bytes(optim), &optim->exp_avg);
    if (err >= 0 && optim->trains)
        err = bit_exec_alloc(optim->exec, moment_bytes(optim), &optim->exp_avg_sq);
    if (err >= 0)
        err = bit_exec_alloc(optim->exec, (size_t)optim->shard->blocks * sizeof(double), (void **)&optim->block_sums);
    if (err >= 0)
        err = bit_exec_alloc(optim->exec, 2 * sizeof(double), (void **)&optim->clip);
    if (err >= 0)
        err = bit_host_view_init(&optim->view, optim->exec);
    if (err >= 0)
        err = bit_lane_init(&optim->aside, optim->exec);
    return err;
}

int bit_optim_init(struct bit_optim *optim, struct bit_shard *shard, struct bit_exec *exec, const Bit__RunSpec *spec)
{
    const Bit__OptimizerSpec *said = spec->optimizer;
    int err;

    *optim = (struct bit_optim){
        .shard = shard,
        .exec = exec,
        .trains = !bit_spec_evaluates_only(spec),
        .moments = said->moments == BIT__OPERANDS__BF16 ? BIT_BF16 : BIT_F32,
        .seed = spec->model->init_seed,
        .eps = said->eps,
        .clip_norm = said->clip_norm,
        .decay_embeddings = said->decay_embeddings,
    };
    err = allocate(optim);
    if (err < 0) {
        bit_optim_finish(optim);
        return bit_fail_within(err, "optimizer state of %" PRId64 " parameters", shard->count);
    }
    return 0;
}

void bit_optim_finish(struct bit_optim *optim)
{
    if (optim->exec == NULL)
        return;
    bit_exec_free(optim->exec, optim->master, master_bytes(optim));
    bit_exec_free(optim->exec, optim->exp_avg, moment_bytes(optim));
    bit_exec_free(optim->exec, optim->exp_avg_sq, moment_bytes(optim));
    bit_exec_free(optim->exec, optim->block_sums, (size_t)optim->shard->blocks * sizeof(double));
    bit_exec_free(optim->exec, optim->clip, 2 * sizeof(double));
    bit_host_view_finish(&optim->view);
    bit_lane_finish(&optim->aside);
    *optim = (struct bit_optim){0};
}

/* The sums of other ranks' blocks are zero, so that adding up the ranks' tables is exact, in any order. One all-reduce
 * of a small table is shorter than a gather of each bucket's part, most of all with many ranks. */
static int sum_squares(struct bit_optim *optim, const float *grad)
{
    const struct bit_shard *shard = optim->shard;
    int err = 0;

    if (shard->layout->size > 1)
        err = bit_exec_zero(optim->exec, optim->block_sums, (size_t)shard->blocks * sizeof *optim->block_sums);
    for (int i = 0; i < shard->run_count && err >= 0; i++) {
        const struct bit_shard_run *run = &shard->runs[i];
        const struct bit_sumsq_args squares = {
            .count = run->count, .g = grad + run->begin, .sums = optim->block_sums + run->first_block};
        err = bit_sumsq(optim->exec, &squares);
    }
    return err;
}

int bit_optim_clip(struct bit_optim *optim, struct bit_fabric *fabric, const float *grad)
{
    const int64_t blocks = optim->shard->blocks;
    const struct bit_clip_args clip = {
        .blocks = blocks,
        .sums = optim->block_sums,
        .clip_norm = optim->clip_norm,
        .norm = &optim->clip[0],
        .scale = &optim->clip[1],
    };
    int err = sum_squares(optim, grad);

    if (err < 0)
        return err;
    bit_fabric_sum_f64(fabric, optim->block_sums, blocks);
    return bit_clip(optim->exec, &clip);
}

int bit_optim_read_norm(struct bit_optim *optim, double *norm)
{
    double read = 0;
    int err = bit_exec_copy(optim->exec, &read, &optim->clip[0], sizeof read);

    if (err >= 0)
        err = bit_exec_wait(optim->exec);
    if (err >= 0)
        *norm = read;
    return err;
}

/* Updates this rank's part of [begin, end), one parameter group. */
static int update_group(struct bit_optim *optim, const float *grad, const struct bit_optim_args *args, int64_t begin,
                        int64_t end, double weight_decay)
{
    const struct bit_shard_vector m = bit_optim_vector(optim, BIT_CHECKPOINT_EXP_AVG),
                                  v = bit_optim_vector(optim, BIT_CHECKPOINT_EXP_AVG_SQ);
    struct bit_shard_part part = {0};
    int err = 0;

    while (err >= 0 && bit_shard_next(optim->shard, begin, end, &part)) {
        const struct bit_adamw_args update = {
            .count = part.count,
            .p = optim->master + part.at,
            .m = bit_shard_from(&m, part.at),
            .v = bit_shard_from(&v, part.at),
            .moments = optim->moments,
            .g = grad + part.begin,
            .lr = args->lr,
            .beta1 = args->beta1,
            .beta2 = args->beta2,
            .eps = optim->eps,
            .weight_decay = weight_decay,
            .grad_scale = &optim->clip[1],
            .t = args->t,
            .seed = optim->seed,
            .first = part.begin,
        };
        err = bit_adamw(optim->exec, &update);
    }
    return err;
}

int bit_optim_update(struct bit_optim *optim, const float *grad, const struct bit_optim_args *args)
{
    const struct bit_shard *shard = optim->shard;
    const double embedding_decay = optim->decay_embeddings ? args->weight_decay : 0;
    const int64_t end = shard->layout->elements;
    int err = bit_lane_lead(&optim->aside);

    if (err >= 0)
        err = update_group(optim, grad, args, 0, shard->linear_begin, embedding_decay);
    if (err >= 0)
        err = update_group(optim, grad, args, shard->linear_begin, end, args->weight_decay);
    return err;
}

int bit_optim_reset(struct bit_optim *optim)
{
    int err = bit_lane_lead(&optim->aside);

    if (!optim->trains)
        return err;
    if (err >= 0)
        err = bit_exec_zero(optim->exec, optim->exp_avg, moment_bytes(optim));
    return err < 0 ? err : bit_exec_zero(optim->exec, optim->exp_avg_sq, moment_bytes(optim));
}

struct bit_shard_vector bit_optim_vector(const struct bit_optim *optim, int file)
{
    const struct bit_shard_vector vectors[BIT_CHECKPOINT_FILES] = {
        [BIT_CHECKPOINT_MODEL] = {optim->master, BIT_F32},
        [BIT_CHECKPOINT_EXP_AVG] = {optim->exp_avg, optim->moments},
        [BIT_CHECKPOINT_EXP_AVG_SQ] = {optim->exp_avg_sq, optim->moments},
    };

    return vectors[file];
}

static uint64_t digest(struct bit_optim *optim, struct bit_comm *comm, int file, int threads)
{
    const struct bit_shard_vector vector = bit_optim_vector(optim, file);
    const uint32_t *crc = bit_shard_checksums(optim->shard, comm, &optim->view, &vector, threads);

    return bit_checkpoint_digest(crc, (size_t)optim->shard->blocks);
}

uint64_t bit_optim_weights_digest(struct bit_optim *optim, struct bit_comm *comm, int threads)
{
    return digest(optim, comm, BIT_CHECKPOINT_MODEL, threads);
}

uint64_t bit_optim_moments_digest(struct bit_optim *optim, struct bit_comm *comm, int threads)
{
    if (!optim->trains)
        return 0;
    const uint64_t exp_avg = digest(optim, comm, BIT_CHECKPOINT_EXP_AVG, threads);
    return bit_checkpoint_join_digests(exp_avg, digest(optim, comm, BIT_CHECKPOINT_EXP_AVG_SQ, threads));
}
