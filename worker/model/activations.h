/* Layout of everything that lives between a micro-batch's forward and backward pass: one block of the backend's memory,
 * laid out anew at a phase switch without allocating. */
#ifndef BIT_WORKER_ACTIVATIONS_H
#define BIT_WORKER_ACTIVATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/norm.h"
#include "worker/model/plan.h"

/* What the linears multiply. */
enum bit_mode {
    BIT_MODE_16BIT,   /* the normed input */
    BIT_MODE_TERNARY, /* its int8 codes; one scale per row is kept */
    BIT_MODE_BLENDED, /* u + strength (code - u), u = n scale (kernels/quantise.h), in the operands' type; one scale per
                         row is kept. Not every run has this mode; it must be the last */
    BIT_MODES
};

/* The mode of each linear of a block. */
struct bit_site_modes {
    enum bit_mode of[BIT_SITES];
};

/*
 * The input of one linear: x (R, K) goes through a norm and becomes the operand of the product. The weight's gradient
 * multiplies the value that the operand stands for, in the operands' type. If the plan has room, the forward pass keeps
 * that value for the backward pass, in addition to what it is made from; otherwise it is recomputed when the gradient
 * goes back through the norm, into scratch that all linears share (kernels/operand.h). Both ways give the same bits.
 */
struct bit_linear_input {
    enum bit_mode mode; /* of this linear: the arena's mode; in a mixture its own */
    enum bit_norm_kind norm;
    float norm_var_factor, norm_eps; /* norm.h */
    int residual; /* x is the residual stream, in the arena's type for it; otherwise an activation, in the operands' */
    int gated;    /* x is (R, 2 K), up and gate, and the norm's input is their swiglu */
    void *x;      /* the norm's input */
    enum bit_dtype x_dtype;
    void *operand; /* x itself if there is no norm and nothing to quantise; otherwise `kept` or the arena's operand */
    enum bit_dtype operand_dtype; /* in the forward pass */
    void *kept;                   /* (R, K) from the forward pass on; NULL: recomputed in the arena's operand */
    float *scale, *mean, *rstd;   /* (R) */
};

struct bit_block_activations {
    struct bit_linear_input input[BIT_SITES];
    void *x_att, *x_ff;        /* (R, D) the residual stream before attention and MLP */
    void *qkv;                 /* (R, 3 D) after the rotation */
    float *lse;                /* (B, H, T) */
    uint8_t *clip_mask;        /* (R 3 D) bits; NULL without clipping */
    void *attention, *up_gate; /* (R, D), (R, 2 F) */
};

/* Used while requests are scored (score.h), in the memory of all that training keeps: rows of packed sequences, R of
 * them at most, and at most as many tokens whose likelihood is wanted. All blocks share one block's activations, and
 * the stream is updated in place. */
struct bit_scoring {
    uint32_t *tokens, *positions; /* (R) */
    struct bit_branch *branches;  /* (R) */
    float *cos_sin;               /* (R, head_dim / 2, 2) of the positions */
    uint32_t *row;                /* (R) the row that predicts a wanted token ... */
    int32_t *target;              /* (R) ... and that token */
    float *loss;                  /* (R) minus its log-likelihood */
    void *x;                      /* (score_logits, D) the stream at some of those rows at a time */
    void *final;                  /* (score_logits, D) the head's operand */
    float *mean, *rstd;           /* (score_logits) */
    float *logits;                /* (score_logits, V) */
};

struct bit_arena {
    void *base;
    size_t bytes;
    enum bit_mode mode;
    enum bit_dtype stream; /* type of the residual stream and its gradient: the plan's in 16-bit, f32 otherwise */
    struct bit_block_activations *blocks; /* (layers) */

    /* after the last block */
    void *x_final; /* (R, D); the same memory as dx, which overwrites it row by row */
    float *final_mean, *final_rstd;
    float *loss;     /* (R) */
    int32_t *target; /* (R) */

    /* gradients of the backward pass */
    void *dx;         /* (R, D) of the residual stream */
    void *dx_operand; /* (R, D) dx in the operands' type; dx itself if it has that type */

    /* Used by the head: */
    void *final;        /* (R, D) its operand */
    void *logits;       /* (head_rows, V), then their gradient */
    void *final_dinput; /* (head_rows, D) the gradient of its operand */
    /* and by a block, forward or backward, in the same memory: */
    void *operand; /* (R, max(D, F)) of the present linear; before it, the codes of the gradient at its output */
    void *dinput;  /* (R, max(D, F)) the gradient of its input */
    void *dqkv;    /* (R, 3 D) */
    float *gradient_scale; /* (R) of those codes */

    struct bit_scoring scoring;

    /* kept through every change of mode */
    float *cos_sin;   /* (T, head_dim / 2, 2) */
    uint32_t *tokens; /* (micro_instances, T); not valid while requests are scored */
    double *loss_sum; /* one number, to which losses are added */
};

/** Bytes that the arena needs for micro_instances instances, in the run's mode that needs most. */
int64_t bit_arena_bytes(const struct bit_worker_plan *plan, int64_t micro_instances);
/** Bytes that it needs to score `rows` rows at once, with `logits` rows of logits, in either precision. */
int64_t bit_arena_scoring_bytes(const struct bit_worker_plan *plan, int64_t rows, int64_t logits);
/** Allocate once, laid out for 16-bit. */
int bit_arena_create(const struct bit_worker_plan *plan, struct bit_exec *exec, struct bit_arena **out);
void bit_arena_destroy(struct bit_arena *arena, struct bit_exec *exec);
/** Lay the memory out for another mode; its content is lost. */
void bit_arena_set_mode(struct bit_arena *arena, const struct bit_worker_plan *plan, enum bit_mode mode);
/** The same for a forward pass in which some linears of each block are blended and the others 16-bit; the arena's mode
 * is then BLENDED. Only if plan->blends. */
void bit_arena_set_mixture(struct bit_arena *arena, const struct bit_worker_plan *plan,
                           const struct bit_site_modes *modes);
/** Lay the memory out for scoring in the present mode, until bit_arena_set_mode. */
void bit_arena_set_scoring(struct bit_arena *arena, const struct bit_worker_plan *plan);

#endif
