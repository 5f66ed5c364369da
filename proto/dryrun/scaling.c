#include "proto/dryrun/scaling.h"

#include <math.h>

#include "proto/check.h"

/* Sustained on one H200 by whole steps, in 16-bit operations (README.md, Measured on GPUs): MFU 57.4% and 63.5%. */
#define FLOPS_16BIT   568e12
#define FLOPS_TERNARY 628e12
#define NODE_BYTES_S  327e9 /* in a node */
#define CHANNELS      16    /* NCCL channels on which the operations of a group take turns */
#define BLOCK         16384 /* elements in one partial sum of the norm */
#define BINS          65536 /* bins of a histogram of weights */
#define LINEARS       4     /* linears of a layer */

/* The better and the worse constants. */
static const double hop_s[2] = {1.9e-6, 3.4e-6}, net_hop_s[2] = {4.0e-6, 14e-6}, net_bytes_s[2] = {45e9, 32.5e9};
static const double tree_hop_s[2] = {1.25e-6, 4e-6}, tree_net_hop_s[2] = {8.5e-6, 14e-6};

struct ring {
    double n, nodes, bytes_s, latency_s, chain_s, tree_s;
};

static double nodes_of(const struct bit_scaling_load *load, double ranks)
{
    return ceil(ranks / load->ranks_per_node);
}

/* A ring of n ranks on `nodes` nodes, with `cards` network cards of each node for itself. */
static struct ring make_ring(double n, double nodes, double cards, int k)
{
    struct ring r = {.n = n, .nodes = nodes};

    r.bytes_s = r.nodes > 1 ? fmin(NODE_BYTES_S, net_bytes_s[k] * cards) : NODE_BYTES_S;
    r.latency_s = (r.n - r.nodes) * hop_s[k] + (r.nodes - 1) * net_hop_s[k];
    r.tree_s = (r.n / r.nodes - 1) * tree_hop_s[k] + log2(r.nodes) * tree_net_hop_s[k];
    r.chain_s = (r.n - 1) * (r.nodes > 1 ? net_hop_s[k] : hop_s[k]);
    return r;
}

static struct ring ring_of_all(const struct bit_scaling_load *load, int k)
{
    return make_ring(load->ranks, nodes_of(load, load->ranks), load->ranks_per_node, k);
}

static double group_size(const struct bit_scaling_load *load)
{
    return load->shard_ranks > 0 ? load->shard_ranks : load->ranks;
}

/* A ring of one group, whose ranks are neighbours. */
static struct ring ring_of_group(const struct bit_scaling_load *load, int k)
{
    const double n = group_size(load);

    return make_ring(n, nodes_of(load, n), fmin(n, load->ranks_per_node), k);
}

/* One of the rings across groups, which share the cards of a node. */
static struct ring ring_across(const struct bit_scaling_load *load, int k)
{
    const double n = load->ranks / group_size(load), sharing = fmin(group_size(load), load->ranks_per_node);

    return make_ring(n, fmin(n, nodes_of(load, load->ranks)), load->ranks_per_node / sharing, k);
}

/* One bucket's reduce-scatter or all-gather. */
static double around_s(const struct ring *r, double bytes)
{
    return r->n > 1 ? bytes * (r->n - 1) / r->n / r->bytes_s + r->latency_s : 0;
}

/* An all-reduce, up and down a tree. */
static double tree_s(const struct ring *r, double bytes)
{
    return r->n > 1 ? 2 * (bytes * (r->n - 1) / r->n / r->bytes_s + r->tree_s) : 0;
}

/* `owners` chains for one bucket. At best each starts as soon as the preceding one has left its first hop. At worst
 * they run against the ring, and the next chain of a channel waits for the whole preceding one. */
static double chains_s(const struct ring *r, double bytes, double owners, int k)
{
    const double rounds = k == 0 ? 1 : ceil(owners / CHANNELS);

    return r->n > 1 ? bytes / r->bytes_s + rounds * r->chain_s : 0;
}

/* ---- the collectives of a step */

struct model {
    const struct bit_scaling_load *load;
    enum bit_scaling_way way;
    struct bit_scaling *out;
    double layer_bytes, rest_bytes; /* fp32 gradients of one layer, and of the embedding and everything else */
};

static double owners_of(const struct model *m, double share)
{
    return fmin(m->load->ranks, 1 + ceil(share * m->load->ranks));
}

/* The ring of a vector's collective: of a group, or with BIT_SCALING_ROOTED of all ranks. */
static struct ring ring_of(const struct model *m, int k)
{
    return m->way == BIT_SCALING_SHARED ? ring_of_group(m->load, k) : ring_of_all(m->load, k);
}

static double bucket_s(const struct model *m, const struct ring *r, double bytes, double share, int k)
{
    if (m->way != BIT_SCALING_SHARED)
        return chains_s(r, bytes, owners_of(m, share), k);
    const struct ring across = ring_across(m->load, k);
    return around_s(r, bytes) + tree_s(&across, bytes / r->n);
}

static struct bit_scaling_cost *add(struct model *m, const char *name, double calls, double bytes)
{
    struct bit_scaling_cost *cost = &m->out->cost[m->out->count++];

    *cost = (struct bit_scaling_cost){.name = name, .calls = (uint32_t)calls, .bytes = (uint64_t)bytes};
    return cost;
}

static double layer_share(const struct model *m)
{
    return (double)m->load->linear_parameters / m->load->layers / (double)m->load->parameters;
}

static double rest_share(const struct model *m)
{
    return 1 - (double)m->load->linear_parameters / (double)m->load->parameters;
}

/* The number of NCCL calls for a whole vector: one per bucket, or one per owner of a part of it. */
static double calls_of(const struct model *m)
{
    const double buckets = m->load->layers + 1;

    return m->way == BIT_SCALING_SHARED ? buckets
                                        : m->load->layers * owners_of(m, layer_share(m)) + owners_of(m, rest_share(m));
}

/* A layer's gradients are exchanged during the backward pass of the layers before it. The last layer to be exchanged
 * and the embedding, whose gradients are final last, overlap with nothing. */
static void add_gradients(struct model *m)
{
    const double layers = m->load->layers;
    const double under_ms = m->out->compute_ms / m->load->micro_batches * 2 / 3 * (layers - 1) / layers;
    const bool twice = m->way == BIT_SCALING_SHARED && m->load->ranks > group_size(m->load) && group_size(m->load) > 1;
    struct bit_scaling_cost *cost = add(m, "gradients", (twice ? 2 : 1) * calls_of(m),
                                        layers * m->layer_bytes + m->rest_bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of(m, k);
        const double layer_ms = 1e3 * bucket_s(m, &r, m->layer_bytes, layer_share(m), k);
        const double rest_ms = 1e3 * bucket_s(m, &r, m->rest_bytes, rest_share(m), k);
        cost->ms[k] = layers * layer_ms + rest_ms;
        cost->exposed_ms[k] = fmax(layers * layer_ms - under_ms, layer_ms) + rest_ms;
    }
}

static double forward_ms(const struct model *m)
{
    return m->out->compute_ms / m->load->micro_batches / 3;
}

/* A layer's weights are exchanged during the forward pass of the layers before it, in the first micro-batch; those of
 * the embedding and the first layer overlap with nothing. With BIT_SCALING_ROOTED: one group of calls before the
 * forward pass. */
static void add_weights(struct model *m)
{
    const double linear_bytes = (double)m->load->linear_parameters * (m->load->ternary ? 0.25 : 2);
    const double bytes = linear_bytes + m->rest_bytes / 2, layers = m->load->layers, n = m->load->ranks;
    struct bit_scaling_cost *cost = add(m, m->load->ternary ? "codes and weights" : "weights",
                                        m->way == BIT_SCALING_SHARED ? layers + 1 : n, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of(m, k);
        const double layer_ms = 1e3 * around_s(&r, linear_bytes / layers),
                     rest_ms = 1e3 * around_s(&r, m->rest_bytes / 2);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * chains_s(&r, bytes, n, k);
        if (m->way != BIT_SCALING_SHARED)
            continue;
        cost->ms[k] = layers * layer_ms + rest_ms;
        cost->exposed_ms[k] = fmax(layers * layer_ms - forward_ms(m) * (layers - 1) / layers, layer_ms) + rest_ms;
    }
}

static void add_norm(struct model *m)
{
    const double bytes = ceil((double)m->load->parameters / BLOCK) * 8, n = m->load->ranks;
    struct bit_scaling_cost *cost = add(m, "gradient norm", m->way == BIT_SCALING_SHARED ? 1 : n, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of(m, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * (m->way == BIT_SCALING_SHARED ? around_s(&r, bytes)
                                                                                : chains_s(&r, bytes, n, k));
    }
}

/* Two passes of all-reduces over histograms: of all matrices at once, or one for each matrix that spans ranks. */
static void add_medians(struct model *m)
{
    const double matrices = LINEARS * (double)m->load->layers, bytes = matrices * BINS * 4;
    const double crossing = m->way == BIT_SCALING_SHARED ? 1 : fmin(matrices, m->load->ranks - 1.0);
    struct bit_scaling_cost *cost = add(m, "medians", 2 * crossing, 2 * bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of(m, k);
        const double each = m->way == BIT_SCALING_SHARED ? bytes : 2 * bytes / matrices; /* counts had 8 bytes */
        cost->ms[k] = cost->exposed_ms[k] = 2e3 * crossing * tree_s(&r, each);
    }
}

void bit_scaling_model(const struct bit_scaling_load *load, enum bit_scaling_way way, struct bit_scaling *out)
{
    BIT_ASSERT(load->ranks > 0 && load->ranks_per_node > 0 && load->layers > 0 && load->micro_batches > 0);
    const double rest = (double)(load->parameters - load->linear_parameters);
    struct model m = {.load = load,
                      .way = way,
                      .out = out,
                      .layer_bytes = 4.0 * (double)load->linear_parameters / load->layers,
                      .rest_bytes = 4 * rest};

    *out = (struct bit_scaling){.compute_ms = 1e3 * (double)load->rank_tokens * load->flop_per_token /
                                              (load->ternary ? FLOPS_TERNARY : FLOPS_16BIT)};
    if (load->ranks > 1) {
        add_gradients(&m);
        add_weights(&m);
        add_norm(&m);
        if (load->ternary && load->medians)
            add_medians(&m);
    }
    for (int k = 0; k < 2; k++) {
        double exposed_ms = 0;
        for (size_t i = 0; i < out->count; i++)
            exposed_ms += out->cost[i].exposed_ms[k];
        out->efficiency[k] = out->compute_ms / (out->compute_ms + exposed_ms);
    }
}
