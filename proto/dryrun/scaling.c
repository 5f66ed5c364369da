#include "proto/dryrun/scaling.h"

#include <math.h>

#include "proto/check.h"

/* Sustained on one H200 by whole steps, in 16-bit operations (RESULTS.md, micro-batch 16): MFU 59.7% and 64.7%. */
#define FLOPS_16BIT   590e12
#define FLOPS_TERNARY 640e12
#define NODE_BYTES_S  327e9 /* in a node */
#define CHANNELS      16    /* NCCL channels on which the operations of a group take turns */
#define BLOCK         16384 /* elements in one partial sum of the norm */
#define BINS          65536 /* bins of a histogram of weights */

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

/* ---- the parts of a vector */

/* How a bucket is cut: `each` in equal parts over the ranks of a group, `gap` by the gap's collective. In blocks. */
struct cut {
    double each, gap;
};

static struct cut cut_bucket(const struct bit_scaling_load *load, double elements)
{
    const double n = group_size(load), whole = floor(elements / BLOCK), equal = floor(whole / n) * n;

    return (struct cut){.each = equal, .gap = elements / BLOCK - equal};
}

/* A vector as its collectives move it: `spans` for each bucket, and one gap. In elements. */
struct parts {
    double layers, layer;   /* buckets of layers, and one's span; 0 if a layer has fewer blocks than there are ranks */
    double rests, rest;     /* the same of the embedding and an untied head */
    double gap, linear_gap; /* linear_gap: the layers' part of it */
};

static struct parts parts_of(const struct bit_scaling_load *load)
{
    const double rest = (double)(load->parameters - load->linear_parameters);
    const struct cut layer = cut_bucket(load, (double)load->linear_parameters / load->layers),
                     other = cut_bucket(load, rest / load->rest_buckets);
    const double linear_gap = load->layers * layer.gap * BLOCK;

    return (struct parts){.layers = layer.each > 0 ? load->layers : 0,
                          .layer = layer.each * BLOCK,
                          .rests = other.each > 0 ? load->rest_buckets : 0,
                          .rest = other.each * BLOCK,
                          .gap = linear_gap + load->rest_buckets * other.gap * BLOCK,
                          .linear_gap = linear_gap};
}

static double spans_of(const struct parts *parts)
{
    return parts->layers + parts->rests;
}

/* ---- the collectives of a step */

struct model {
    const struct bit_scaling_load *load;
    enum bit_scaling_way way;
    struct bit_scaling *out;
    struct parts parts;
    double layer_bytes, rest_bytes; /* fp32 gradients of one layer, and of the embedding and everything else */
};

static double owners_of(const struct model *m, double share)
{
    return fmin(m->load->ranks, 1 + ceil(share * m->load->ranks));
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

/* The time of what is computed meanwhile hides all but one layer's collective. */
static double exposed_of(const struct model *m, double layers, double layer_ms, double computed_ms)
{
    return fmax(layers * layer_ms - computed_ms * (m->load->layers - 1.0) / m->load->layers, layer_ms);
}

static double backward_ms(const struct model *m)
{
    return m->out->compute_ms / m->load->micro_batches * 2 / 3;
}

static double forward_ms(const struct model *m)
{
    return m->out->compute_ms / m->load->micro_batches / 3;
}

/* A span's gradients: within the group, then this rank's part across groups. */
static double reduce_ms(const struct model *m, double elements, int k)
{
    const struct ring within = ring_of_group(m->load, k), across = ring_across(m->load, k);

    return 1e3 * (around_s(&within, 4 * elements) + tree_s(&across, 4 * elements / within.n));
}

/* A layer's gradients are exchanged during the backward pass of the layers before it. The last layer to be exchanged,
 * the embedding, whose gradients are final last, and the gap overlap with nothing. */
static void add_gradients(struct model *m)
{
    const struct parts *p = &m->parts;
    const double groups = m->load->ranks / group_size(m->load), stages = (group_size(m->load) > 1) + (groups > 1);
    struct bit_scaling_cost *cost = add(m, "gradients", stages * (spans_of(p) + (p->gap > 0)),
                                        4.0 * (double)m->load->parameters);

    for (int k = 0; k < 2; k++) {
        const double layer_ms = reduce_ms(m, p->layer, k);
        const double alone_ms = p->rests * reduce_ms(m, p->rest, k) + (p->gap > 0 ? reduce_ms(m, p->gap, k) : 0);
        cost->ms[k] = p->layers * layer_ms + alone_ms;
        cost->exposed_ms[k] = (p->layers > 0 ? exposed_of(m, p->layers, layer_ms, backward_ms(m)) : 0) + alone_ms;
    }
}

/* Every owner of a part of a layer reduces it, likewise during the backward pass. */
static void add_rooted_gradients(struct model *m)
{
    const double layers = m->load->layers, owners = owners_of(m, layer_share(m)), others = owners_of(m, rest_share(m));
    struct bit_scaling_cost *cost = add(m, "gradients", layers * owners + others,
                                        layers * m->layer_bytes + m->rest_bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_all(m->load, k);
        const double layer_ms = 1e3 * chains_s(&r, m->layer_bytes, owners, k),
                     rest_ms = 1e3 * chains_s(&r, m->rest_bytes, others, k);
        cost->ms[k] = layers * layer_ms + rest_ms;
        cost->exposed_ms[k] = exposed_of(m, layers, layer_ms, backward_ms(m)) + rest_ms;
    }
}

static const char *weights_name(const struct model *m)
{
    return m->load->ternary ? "codes and weights" : "weights";
}

/* Bytes of one weight of a layer on the wire. */
static double linear_bytes(const struct model *m)
{
    return m->load->ternary ? 0.25 : 2;
}

/* Calls for the gap: weights are one vector; codes, embedding and an untied head are gathered each by itself. */
static double gap_gathers(const struct model *m)
{
    return m->parts.gap > 0 ? (m->load->ternary ? 1.0 + m->load->rest_buckets : 1) : 0;
}

/* A layer's weights are exchanged during the forward pass of the layers before it, in the first micro-batch; the gap,
 * the embedding and the first layer overlap with nothing. */
static void add_weights(struct model *m)
{
    const struct parts *p = &m->parts;
    const double each = linear_bytes(m), rest = (double)(m->load->parameters - m->load->linear_parameters);
    struct bit_scaling_cost *cost = add(m, weights_name(m), spans_of(p) + gap_gathers(m),
                                        each * (double)m->load->linear_parameters + 2 * rest);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_group(m->load, k);
        const double layer_ms = 1e3 * around_s(&r, each * p->layer);
        const double gap_bytes = each * p->linear_gap + 2 * (p->gap - p->linear_gap);
        const double gap_ms = 1e3 * (around_s(&r, gap_bytes) + fmax(gap_gathers(m) - 1, 0) * around_s(&r, 0));
        const double alone_ms = 1e3 * p->rests * around_s(&r, 2 * p->rest) + (p->gap > 0 ? gap_ms : 0);
        cost->ms[k] = p->layers * layer_ms + alone_ms;
        cost->exposed_ms[k] = (p->layers > 0 ? exposed_of(m, p->layers, layer_ms, forward_ms(m)) : 0) + alone_ms;
    }
}

/* One group of calls before the forward pass. */
static void add_rooted_weights(struct model *m)
{
    const double bytes = linear_bytes(m) * (double)m->load->linear_parameters + m->rest_bytes / 2;
    struct bit_scaling_cost *cost = add(m, weights_name(m), m->load->ranks, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_all(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * chains_s(&r, bytes, m->load->ranks, k);
    }
}

/* One all-reduce of the sums of all blocks. */
static void add_norm(struct model *m)
{
    const double bytes = ceil((double)m->load->parameters / BLOCK) * 8;
    struct bit_scaling_cost *cost = add(m, "gradient norm", 1, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_group(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * tree_s(&r, bytes);
    }
}

/* A broadcast from each rank. */
static void add_rooted_norm(struct model *m)
{
    const double bytes = ceil((double)m->load->parameters / BLOCK) * 8;
    struct bit_scaling_cost *cost = add(m, "gradient norm", m->load->ranks, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_all(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * chains_s(&r, bytes, m->load->ranks, k);
    }
}

/* Two passes of an all-reduce over the histograms of all matrices, and one that shares what was found. */
static void add_medians(struct model *m)
{
    const double matrices = m->load->layer_scales * (double)m->load->layers, bytes = matrices * BINS * 4;
    struct bit_scaling_cost *cost = add(m, "medians", 3, 2 * bytes + 4 * matrices);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_group(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * (2 * tree_s(&r, bytes) + tree_s(&r, 4 * matrices));
    }
}

/* Two passes with an all-reduce for each matrix that spans ranks, of counts of 8 bytes. */
static void add_rooted_medians(struct model *m)
{
    const double matrices = m->load->layer_scales * (double)m->load->layers, bytes = BINS * 8.0;
    const double crossing = fmin(matrices, m->load->ranks - 1.0);
    struct bit_scaling_cost *cost = add(m, "medians", 2 * crossing, 2 * crossing * bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_all(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 2e3 * crossing * tree_s(&r, bytes);
    }
}

/* One all-reduce of the sums of all matrices. */
static void add_means(struct model *m)
{
    const double bytes = 8.0 * m->load->layer_scales * m->load->layers;
    struct bit_scaling_cost *cost = add(m, "means", 1, bytes);

    for (int k = 0; k < 2; k++) {
        const struct ring r = ring_of_group(m->load, k);
        cost->ms[k] = cost->exposed_ms[k] = 1e3 * tree_s(&r, bytes);
    }
}

static void add_all(struct model *m)
{
    const bool rooted = m->way == BIT_SCALING_ROOTED;

    (rooted ? add_rooted_gradients : add_gradients)(m);
    if (!rooted && group_size(m->load) == 1)
        return; /* every rank has everything */
    (rooted ? add_rooted_weights : add_weights)(m);
    (rooted ? add_rooted_norm : add_norm)(m);
    if (m->load->ternary && m->load->medians)
        (rooted ? add_rooted_medians : add_medians)(m);
    else if (m->load->ternary && !rooted)
        add_means(m);
}

void bit_scaling_model(const struct bit_scaling_load *load, enum bit_scaling_way way, struct bit_scaling *out)
{
    BIT_ASSERT(load->ranks > 0 && load->ranks_per_node > 0 && load->layers > 0 && load->micro_batches > 0 &&
               load->rest_buckets > 0);
    const double rest = (double)(load->parameters - load->linear_parameters);
    struct model m = {.load = load,
                      .way = way,
                      .out = out,
                      .parts = parts_of(load),
                      .layer_bytes = 4.0 * (double)load->linear_parameters / load->layers,
                      .rest_bytes = 4 * rest};

    *out = (struct bit_scaling){.compute_ms = 1e3 * (double)load->rank_tokens * load->flop_per_token /
                                              (load->ternary ? FLOPS_TERNARY : FLOPS_16BIT)};
    if (load->ranks > 1)
        add_all(&m);
    for (int k = 0; k < 2; k++) {
        double exposed_ms = 0;
        for (size_t i = 0; i < out->count; i++)
            exposed_ms += out->cost[i].exposed_ms[k];
        out->efficiency[k] = out->compute_ms / (out->compute_ms + exposed_ms);
    }
}
