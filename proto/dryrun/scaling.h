/*
 * A model (not a measurement) of the communication between GPUs in a step and of its cost in time. A collective takes
 * the time of its bytes on the slowest link of a ring, plus a latency for each hop:
 *     reduce-scatter, all-gather   S (n - 1) / n / B + (n - N) a + (N - 1) A
 *     broadcast, reduce            S / B + (n - 1) A, a chain, whose hops all count as network hops if N > 1
 *     all-reduce                   2 (S (n - 1) / n / B + (n / N - 1) a + log2(N) A), up and down a tree
 * with S bytes, n ranks on N nodes. Gradients are exchanged during the last micro-batch's backward pass, weights during
 * the first one's forward pass, except for the part of one layer, the embedding and the gap: blocks that no equal parts
 * hold (worker/model/layout.h) have a collective of their own. With groups (launch.shard_ranks) these collectives are
 * over the ranks of one group, and each reduce-scatter is followed by an all-reduce of a part across groups. There are
 * two sets of constants, and the true cost should be between their results:
 *     a, A   NCCL's own for these GPUs, protocol LL128 or Simple, in microseconds: in rings 1.9 and 4.0 or 3.4 and 14,
 *            in trees 1.25 and 8.5 or 4 and 14
 *     B      in a node 327 GB/s, as measured between two H200; between nodes 45 GB/s a rank or 32.5: reported for one
 *            network card of 400 Gb/s per GPU, on few and on many nodes
 * Not modelled: the SMs that NCCL takes from the computation, jitter between ranks, other traffic on the network, and
 * the larger weight of a step's fixed costs when a rank has few instances. So the efficiencies are upper bounds.
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
    uint64_t parameters, linear_parameters; /* linear: in the layers' linears, which become ternary */
    uint32_t layers, layer_scales;          /* layer_scales: matrices of a layer that have a scale of their own */
    uint32_t rest_buckets;                  /* 1: the embedding; 2: and a head of its own */
    uint64_t rank_tokens;                   /* tokens of one rank in a step ... */
    uint32_t micro_batches;                 /* ... in so many micro-batches; gradients are exchanged during the last */
    double flop_per_token;                  /* as if everything were computed in 16 bits */
    bool ternary, medians;                  /* medians: weight scales need medians in addition to means */
};

enum bit_scaling_way {
    BIT_SCALING_SHARED, /* equal parts of every bucket: reduce-scatter and all-gather */
    BIT_SCALING_ROOTED, /* a reduction and a broadcast for each owner of a part, the former scheme */
};

/* The cost of one kind of collective in a step. [0] with the better constants, [1] with the worse ones. */
struct bit_scaling_cost {
    const char *name;
    uint32_t calls;
    uint64_t bytes;              /* of all vectors together */
    double ms[2], exposed_ms[2]; /* exposed: not overlapped with computation */
};

struct bit_scaling {
    double compute_ms;
    struct bit_scaling_cost cost[BIT_SCALING_COSTS_MAX];
    size_t count;
    double efficiency[2]; /* tokens per second and GPU, relative to one GPU alone */
};

void bit_scaling_model(const struct bit_scaling_load *load, enum bit_scaling_way way, struct bit_scaling *out);

#endif
