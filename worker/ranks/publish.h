/*
 * Publishing: from the sharded fp32 master to the weights that the model multiplies with, on every rank.
 *
 * In 16-bit each rank casts its part, and all-gathers share the whole. In the ternary phase at full strength the codes
 * are sent with two bits per weight, and each segment has one scale computed over the whole matrix; the embedding and
 * the head stay 16-bit. Below full strength the blended weights are sent in the operands' type.
 *
 * For training they are gathered during the forward pass of the step's first micro-batch, a bucket at a time: a layer
 * waits for its own (bit_publish_await). In all other cases everything has arrived when the call returns.
 */
#ifndef BIT_WORKER_PUBLISH_H
#define BIT_WORKER_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/model/model.h"
#include "worker/ranks/shard.h"
#include "worker/ranks/weight_scales.h"

/* Counts of the codes that a step trains with, over this rank's shard; the step's counts are the sum over the ranks. */
struct bit_publish_counts {
    uint64_t zeros;
    uint64_t flips; /* codes that differ from the previous step's */
    bool has_codes; /* ternary */
    bool has_flips; /* the previous step's codes are in memory */
};

/* What has been published to the model. */
struct bit_published {
    bool valid, for_training;
    Bit__Precision precision;
    double strength;
};

enum { BIT_COUNTED_ZEROS, BIT_COUNTED_FLIPS, BIT_COUNTED_BAD, BIT_COUNTED };

struct bit_publish {
    const struct bit_worker_plan *plan; /* borrowed, with the next three */
    struct bit_shard *shard;
    struct bit_model *model;
    struct bit_fabric *fabric;
    struct bit_weight_scales scales;
    /* Arrays are in the backend's memory. */
    uint8_t *last; /* this rank's codes of the last training step, two bits each; owned */
    bool has_last;
    uint8_t *packed;   /* every rank's codes, in whole blocks from the first linear's on; NULL on one rank; owned */
    uint64_t *counted; /* (BIT_COUNTED): of what is published for training; owned */
    struct bit_published now;
    int64_t come;                     /* everything below it in the flat vector has arrived in the model */
    bool codes_come;                  /* the linears arrive as codes in `packed`, to be unpacked on arrival */
    bool codes_turn;                  /* and then to be transposed: bit_model_turn_codes */
    struct bit_publish_counts counts; /* of training's codes; zeros and flips after bit_publish_read_counts */
};

/** Errors: -ENOMEM. finish takes a zeroed one too. */
int bit_publish_init(struct bit_publish *p, const struct bit_worker_plan *plan, struct bit_shard *shard,
                     struct bit_fabric *fabric, struct bit_model *model);
void bit_publish_finish(struct bit_publish *p);

/** Call when the master is about to change or has changed: what is published is no longer valid. */
void bit_publish_stale(struct bit_publish *p);
/** Forget the codes that flips are counted against: weights were restored, or the phase begins. */
void bit_publish_forget_codes(struct bit_publish *p);

/**
 * Begin to publish the weights for training in (precision, strength); does nothing if they are. The other ranks' parts
 * may still be arriving: bit_publish_await. Enqueued: bit_publish_read_counts waits for this step's p->counts.
 * Collective  yes; all arguments agree
 * Errors      an operator's: others may be inside a collective then
 */
int bit_publish_train(struct bit_publish *p, const float *master, Bit__Precision precision, double strength);
/** Whether some of what is published for training is still arriving. Never on one rank. */
bool bit_publish_is_coming(const struct bit_publish *p);
/** Wait, for what is enqueued from now on, until everything below `end` of the flat vector, the end of a bucket, is in
 * the model. Ranks need not wait for the same parts. Errors: an operator's */
int bit_publish_await(struct bit_publish *p, int64_t end);
/** Wait for all of it. */
int bit_publish_await_all(struct bit_publish *p);
/** Read p->counts; everything published has arrived. Waits for all that is enqueued. Errors: BIT_ECORRUPT if invalid
 * codes arrived. */
int bit_publish_read_counts(struct bit_publish *p);
/** Publish for an evaluation, ternary always at strength 1, and wait for all of it. The codes that flips are counted
 * against stay those of training. */
int bit_publish_evaluate(struct bit_publish *p, const float *master, Bit__Precision precision);
/**
 * The same with only one part of the ternary phase, at strength 1, and everything else as in the 16-bit phase. Only if
 * the plan blends: what is ternary is multiplied as blends are, in the operands' type.
 */
int bit_publish_evaluate_part(struct bit_publish *p, const float *master, Bit__TernaryPart which);

#endif
