/* AdamW over this rank's shard (ZeRO-1): fp32 master and both moments, the gradient's norm, digests of all three. */
#ifndef BIT_WORKER_OPTIM_H
#define BIT_WORKER_OPTIM_H

#include <stdint.h>

#include "kernels/exec.h"
#include "worker/shard.h"

struct bit_optim {
    struct bit_shard *shard;              /* borrowed */
    float *master, *exp_avg, *exp_avg_sq; /* (shard->count) each; owned */
    double *block_sums;                   /* (shard->blocks); owned */
    double eps, clip_norm;
    int decay_embeddings; /* also the embedding and the head */
};

/* What one update is made with; all ranks pass the same. */
struct bit_optim_args {
    double lr, weight_decay, beta1, beta2;
    double grad_scale; /* the clip factor */
    uint64_t t;        /* this update's number since the moments were zero, from 1 */
};

/** Moments zero, master unset. Errors: -ENOMEM. finish takes a zeroed optimizer too. */
int bit_optim_init(struct bit_optim *optim, struct bit_shard *shard, const Bit__OptimizerSpec *spec);
void bit_optim_finish(struct bit_optim *optim);

/**
 * The norm of the whole gradient, of which `grad` (the whole flat vector) is reduced in this rank's range.
 * Collective  yes; the same on every rank
 * Order       squares are added in blocks of BIT_SUM_BLOCK, the blocks in order: no number of ranks or threads matters
 */
int bit_optim_norm(struct bit_optim *optim, struct bit_comm *comm, const struct bit_exec *exec, const float *grad,
                   double *norm);
/** min(1, clip_norm / (norm + 1e-6)), always to be multiplied: torch's clip_grad_norm_. */
double bit_optim_clip(const struct bit_optim *optim, double norm);
/**
 * Update the shard. Groups: the linears decay, the embedding and the head only with decay_embeddings.
 * Source      allenai/OLMo: olmo/optim.py, get_param_groups (decay_embeddings false: only linears decay)
 */
int bit_optim_update(struct bit_optim *optim, const struct bit_exec *exec, const float *grad,
                     const struct bit_optim_args *args);
void bit_optim_reset(struct bit_optim *optim);

/** Digests over all ranks: bit_checkpoint_digest of the blocks' checksums, the same for any number of ranks. */
uint64_t bit_optim_weights_digest(struct bit_optim *optim, struct bit_comm *comm, int threads);
/** Of both moments, exp_avg first. */
uint64_t bit_optim_moments_digest(struct bit_optim *optim, struct bit_comm *comm, int threads);

#endif
