/*
 * From the sharded fp32 master to the weights that the model multiplies with, on every rank.
 *
 * In 16-bit each rank casts what it has and all gather the whole. In the ternary phase at full strength only two bits a
 * weight travel, with one scale a segment computed over the whole matrix; the embedding and the head stay 16-bit. Below
 * full strength the blended weights travel in the operands' type.
 *
 * For training they travel beside the forward pass of the step's first micro-batch, a bucket at a time: a layer waits
 * for its own (bit_publish_await). Whatever else is published has come whole when its call returns.
 */
#ifndef BIT_WORKER_PUBLISH_H
#define BIT_WORKER_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/model/model.h"
#include "worker/ranks/shard.h"
#include "worker/ranks/weight_scales.h"

/* Of the codes that a step trains with, over this rank's shard; the ranks' add up. */
struct bit_publish_counts {
    uint64_t zeros;
    uint64_t flips; /* against the step before */
    bool has_codes; /* ternary */
    bool has_flips; /* there was a step before, in memory */
};

/* What the model holds. */
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
    /* Arrays of numbers are in the backend's memory. */
    uint8_t *last; /* this rank's codes as the last training step had them, two bits each; owned */
    bool has_last;
    uint8_t *packed;   /* every rank's, in whole blocks from the first linear's on; NULL on one rank; owned */
    uint64_t *counted; /* (BIT_COUNTED): of what is published for training; owned */
    struct bit_published now;
    int64_t come;                     /* what lies below it in the flat vector stands in the model */
    bool codes_come;                  /* of the linears as codes in `packed`, to be unpacked as they come */
    bool codes_turn;                  /* and to be turned then: bit_model_turn_codes */
    struct bit_publish_counts counts; /* of what is published for training; zeros and flips once they are read */
};

/** Errors: -ENOMEM. finish takes a zeroed one too. */
int bit_publish_init(struct bit_publish *p, const struct bit_worker_plan *plan, struct bit_shard *shard,
                     struct bit_fabric *fabric, struct bit_model *model);
void bit_publish_finish(struct bit_publish *p);

/** The master is about to change, or has: nothing published is true any more. */
void bit_publish_stale(struct bit_publish *p);
/** Forget the codes that flips are counted against: weights were restored or the phase begins. */
void bit_publish_forget_codes(struct bit_publish *p);

/**
 * Begin to make the model ready to train in (precision, strength); nothing happens if it is. What the other ranks have
 * may still be on its way: bit_publish_await. Enqueued: bit_publish_read_counts waits for what p->counts says of this
 * step.
 * Collective  yes; all arguments agree
 * Errors      an operator's: others may be inside a collective then
 */
int bit_publish_train(struct bit_publish *p, const float *master, Bit__Precision precision, double strength);
/** Whether some of what is published for training is on its way. Never on one rank. */
bool bit_publish_is_coming(const struct bit_publish *p);
/** What lies below `end` of the flat vector, the end of a bucket, stands in the model for what is enqueued from here
 * on. Ranks need not ask alike. Errors: an operator's */
int bit_publish_await(struct bit_publish *p, int64_t end);
/** All of it. */
int bit_publish_await_all(struct bit_publish *p);
/** p->counts of what is published, all of which has come. Waits for all that is enqueued. Errors: BIT_ECORRUPT if codes
 * came that are none. */
int bit_publish_read_counts(struct bit_publish *p);
/** The same to evaluate, ternary always at strength 1. Leaves training as it was: what flips are counted against too.
 */
int bit_publish_evaluate(struct bit_publish *p, const float *master, Bit__Precision precision);
/**
 * The same with one part of the ternary phase alone, at strength 1, and everything else as in the 16-bit phase.
 * The plan blends: what is ternary is multiplied as blends are, in the operands' type.
 */
int bit_publish_evaluate_part(struct bit_publish *p, const float *master, Bit__TernaryPart which);

#endif
