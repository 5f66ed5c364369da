/*
 * What GPUs say to each other in a step, and what that costs of their time: a model, not a measurement. A collective
 * takes what its bytes take on the slowest wire of a ring, and a latency for each hop of it:
 *     reduce-scatter, all-gather   S (n - 1) / n / B + (n - N) a + (N - 1) A
 *     broadcast, reduce            S / B + (n - 1) A, a chain whose hops NCCL counts as the network's
 *     all-reduce                   2 (S (n - 1) / n / B + (n / N - 1) a + log2(N) A), up and down a tree
 * with S bytes, n ranks on N nodes. Gradients cross under the last micro-batch's backward pass, weights under the first
 * one's forward pass, but for what one layer and the embedding take. With groups (launch.shard_ranks) all is over the
 * ranks of one, and each reduce-scatter is followed by an all-reduce of a part across groups. There are two sets of
 * constants, between which the truth should lie:
 *     a, A   NCCL's own for these GPUs, protocol LL128 or Simple, in microseconds: in rings 1.9 and 4.0 or 3.4 and 14,
 *            in trees 1.25 and 8.5 or 4 and 14
 *     B      in a node 327 GB/s, as measured between two H200; between nodes 45 GB/s a rank or 32.5: what a network
 *            card of 400 Gb/s a GPU is reported to give on few and on many nodes
 * Left out: that NCCL takes SMs from the computation, jitter between ranks, a network that others use, and that the
 * fixed costs of a step weigh more where a rank has few instances. So these are ceilings.
 */
#ifndef BIT_PROTO_SCALING_H
#define BIT_PROTO_SCALING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_SCALING_COSTS_MAX 4

struct bit_scaling_load {
    uint32_t ranks, ranks_per_node;
    uint32_t shard_ranks;                   /* launch.shard_ranks: 0, or divides ranks */
    uint64_t parameters, linear_parameters; /* linear: those of the layers' linears, which become ternary */
    uint32_t layers;
    uint64_t rank_tokens;   /* of one rank's step ... */
    uint32_t micro_batches; /* ... in so many parts, under the last of which gradients cross */
    double flop_per_token;  /* as if everything were computed in 16 bits */
    bool ternary, medians;  /* medians: of the weights, beside their means */
};

enum bit_scaling_way {
    BIT_SCALING_SHARED, /* equal parts of every bucket: reduce-scatter and all-gather */
    BIT_SCALING_ROOTED, /* a reduction and a broadcast for each owner of a part, as it was before */
};

/* Of one kind of collective in a step. [0] by the better constants, [1] by the worse. */
struct bit_scaling_cost {
    const char *name;
    uint32_t calls;
    uint64_t bytes;              /* of the vectors, together */
    double ms[2], exposed_ms[2]; /* exposed: while nothing is computed */
};

struct bit_scaling {
    double compute_ms;
    struct bit_scaling_cost cost[BIT_SCALING_COSTS_MAX];
    size_t count;
    double efficiency[2]; /* tokens a second and GPU, over those of one GPU alone */
};

void bit_scaling_model(const struct bit_scaling_load *load, enum bit_scaling_way way, struct bit_scaling *out);

#endif
