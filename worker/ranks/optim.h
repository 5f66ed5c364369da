/* AdamW over this rank's shard (ZeRO-1): fp32 master and both moments, in fp32 or bf16; the gradient's norm; digests of
 * the three vectors. */
#ifndef BIT_WORKER_OPTIM_H
#define BIT_WORKER_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/exec/exec.h"
#include "kernels/exec/lane.h"
#include "worker/ranks/fabric.h"
#include "worker/ranks/host_view.h"
#include "worker/ranks/shard.h"

/* All vectors are in the memory of exec's backend. */
struct bit_optim {
    struct bit_shard *shard; /* borrowed, with the next */
    struct bit_exec *exec;
    float *master;              /* (shard->count); owned, with the next */
    void *exp_avg, *exp_avg_sq; /* (shard->count) each, of `moments` */
    enum bit_dtype moments;     /* BIT_F32; or BIT_BF16, rounded stochastically by `seed` (kernels/adamw.h) */
    uint64_t seed;
    bool trains;               /* otherwise there are no moments */
    double *block_sums;        /* (shard->blocks): of the gradient's squares; owned */
    double *clip;              /* (2): the gradient's norm, and the factor that clips it; owned */
    struct bit_host_view view; /* the host reads and writes the first three through it */
    struct bit_lane aside;     /* for copying them beside training; they change only after its copies */
    double eps, clip_norm;
    int decay_embeddings; /* decay the embedding too; a tied head is the embedding */
};

/* Arguments of one update; all ranks pass the same. */
struct bit_optim_args {
    double lr, weight_decay, beta1, beta2;
    uint64_t t; /* number of this update since the moments were zero, from 1 */
};

/** Moments zero, master unset. Errors: -ENOMEM. finish takes a zeroed optimizer too. */
int bit_optim_init(struct bit_optim *optim, struct bit_shard *shard, struct bit_exec *exec, const Bit__RunSpec *spec);
void bit_optim_finish(struct bit_optim *optim);

/**
 * Compute the norm of the whole gradient and the factor that clips it, into optim->clip; `grad` (the whole flat vector)
 * is reduced in this rank's range. Enqueued: bit_optim_read_norm waits for it.
 * Collective  yes; the same on every rank
 * Order       squares are added in blocks of BIT_SUM_BLOCK, the blocks as in clip.h: independent of the number of ranks
 *             and threads
 */
int bit_optim_clip(struct bit_optim *optim, struct bit_fabric *fabric, const float *grad);
/** The norm that the last bit_optim_clip found. Waits for all that is enqueued. */
int bit_optim_read_norm(struct bit_optim *optim, double *norm);
/**
 * Update the shard with the clipped gradient; nothing changes if the norm is not finite. Two groups: the blocks'
 * linears and an untied head always decay, the embedding (a tied head is the embedding) only with decay_embeddings.
 * Enqueued.
 * Source      allenai/OLMo: olmo/optim.py, get_param_groups: every nn.Linear weight decays, transformer.ff_out too
 */
int bit_optim_update(struct bit_optim *optim, const float *grad, const struct bit_optim_args *args);
/** Zero the moments. */
int bit_optim_reset(struct bit_optim *optim);

/** The vector that a checkpoint's file holds. */
struct bit_shard_vector bit_optim_vector(const struct bit_optim *optim, int file);

/** Digests over all ranks: bit_checkpoint_digest of the blocks' checksums, the same for any number of ranks. */
uint64_t bit_optim_weights_digest(struct bit_optim *optim, struct bit_comm *comm, int threads);
/** Of both moments, exp_avg first; 0 if there are none. */
uint64_t bit_optim_moments_digest(struct bit_optim *optim, struct bit_comm *comm, int threads);

#endif
