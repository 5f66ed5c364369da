/* Every shape, offset and byte count of one rank, from the run specification, before anything is allocated. */
#ifndef BIT_WORKER_PLAN_H
#define BIT_WORKER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/norm.h"
#include "kernels/quantise.h"
#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"
#include "worker/model/layout.h"

/* The four linears of a block, in flat order. */
enum bit_site { BIT_SITE_ATT_PROJ, BIT_SITE_ATTN_OUT, BIT_SITE_FF_PROJ, BIT_SITE_FF_OUT, BIT_SITES };

#define BIT_PLAN_SEGMENTS_MAX 3
#define BIT_PLAN_PARTS_MAX    3 /* parts of a weight segment on one rank, at most: of a gap, a span, a gap (layout.h) */
#define BIT_PLAN_PIECE_BYTES  ((int64_t)1 << 20) /* a piece of a gradient in flight between processors (comm.h) */

/* One matrix that is ternary after the switch: y (M, rows) = x (M, cols) W^T. */
struct bit_linear {
    int tensor;                                  /* index into plan->tensors */
    int64_t rows, cols;                          /* W is (rows, cols), row-major */
    int64_t offset;                              /* of W in the flat vector, elements */
    int segment_count;                           /* 1, or one per projection: q, k, v or up, gate */
    int64_t segment_rows[BIT_PLAN_SEGMENTS_MAX]; /* their sum is rows; a segment is a contiguous range of W */
};

/* How ternary linears quantise weights, activations and gradients. */
struct bit_plan_quantizer {
    enum bit_measure weight_measure, activation_measure;
    enum bit_norm_kind inner_norm;
    float levels;            /* 127 or 128 */
    float eps;               /* floor of every measure */
    bool int8_data_gradient; /* for linears with one segment, at full strength */
};

struct bit_worker_plan {
    int rank, size, threads;
    enum bit_backend backend;

    /* The model: B T D H F V in the documentation. */
    int layers;
    int64_t context, width, heads, head_dim, hidden, vocab, vocab_padded;
    int64_t token_bytes; /* per id in orders: 2 or 4; in memory always 4 */
    int tied;
    float norm_eps, clip_qkv;
    double rope_theta;
    enum bit_dtype operands; /* of products: BIT_BF16 or BIT_F32 */
    enum bit_dtype residual; /* of the residual stream in 16-bit: BIT_F32, or BIT_BF16 if the operands are bf16 */
    struct bit_plan_quantizer quantizer;
    Bit__Init init;
    double init_std;
    uint64_t init_seed;

    /* The flat parameter vector. */
    struct bit_tensor *tensors; /* owned */
    int tensor_count;
    struct bit_linear *linears; /* owned; linear i is site i % BIT_SITES of block i / BIT_SITES */
    int linear_count;
    int64_t elements;
    int64_t linear_elements;
    struct bit_layout layout; /* which rank has which part; owned */
    enum bit_dtype moments;   /* type of Adam's moments, which are laid out like the vector: BIT_F32 or BIT_BF16 */
    int shard_rank;           /* this rank's index in its group, over which the vector is cut (launch.shard_ranks) */
    int64_t own_elements;     /* this rank's; 0 possible if there are more ranks than blocks */
    int64_t own_linears;      /* those of them in linears */

    /* The batch. */
    int64_t instances;       /* of a global step */
    int64_t share;           /* this rank's: instances rank, rank + size, rank + 2 size, ... */
    int64_t micro_instances; /* of one forward and backward; divides share */
    int64_t head_rows;       /* positions whose logits are in memory at once */

    /* Scoring (score.h): depends on the model alone, so that every number of ranks packs requests alike. */
    int64_t score_rows;   /* of packed sequences in one forward pass; at least a context's length */
    int64_t score_logits; /* rows of logits in memory at once */

    bool trains;        /* otherwise it only evaluates: no gradient, no moments, no copy for checkpoints */
    bool deterministic; /* launch.deterministic, if cuDNN may need scratch for it: attention's gradient in bf16 */
    bool recompute;     /* the backward pass recomputes the linears' operands; otherwise they are kept */
    bool fuses;         /* launch.fused_products: AUTO */
    bool blends;        /* strengths below 1 occur: the specification has a ramp or eval.damage */

    /* Bytes of this rank. */
    int64_t arena_bytes;     /* saved activations and gradients of the backward pass: activations.h */
    int64_t workspace_bytes; /* bit_exec's */
    int64_t staging_bytes;   /* for data exchanged between ranks, and for finding scales */
    int64_t memory_limit;    /* min(launch.memory_gib, what the machine can give to each of its ranks) */
    Bit__MemoryPlan memory;  /* its items add up to memory.total */
};

/**
 * Compute the plan.
 * spec is normalised and valid, and its launch.backend is the backend to use (AUTO counts as CPU). local_ranks: how
 * many ranks share this machine's memory; available: from bit_resources_memory(); threads: this rank's, at least 1. If
 * spec's micro_instances is 0, the largest divisor of the share that fits is chosen. With launch.recompute AUTO the
 * linears' operands are kept if they fit beside this micro-batch; no bit of a step depends on that.
 * Ownership   plan owns its tables (bit_plan_finish); nothing of spec is kept
 * Errors      BIT_EMEMORY, with need and limit, if the requested micro-batch, or even one instance, does not fit;
 *             -ENOMEM; BIT_ESPEC if the ranks do not divide the batch
 */
int bit_plan_init(struct bit_worker_plan *plan, const Bit__RunSpec *spec, int rank, int size, int local_ranks,
                  int threads, int64_t available);
void bit_plan_finish(struct bit_worker_plan *plan);

/** How many of `instances` instances rank `rank` has: r, r + size, r + 2 size, ... */
int64_t bit_plan_share(const struct bit_worker_plan *plan, int rank, int64_t instances);
/** Whether the gradient at this linear's input is an int8 product at full strength. */
bool bit_plan_int8_data_gradient(const struct bit_worker_plan *plan, const struct bit_linear *linear);
/** Flat offset and elements of segment s of a linear. */
void bit_plan_segment(const struct bit_linear *linear, int s, int64_t *offset, int64_t *count);

#endif
