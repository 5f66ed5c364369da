/*
 * Attention by cuDNN's fused engines, which recognise these graphs of products, pointwise operations and reductions.
 * The packed (B, T, 3, H, D) is read and written in place: q, k and v are views of it by their strides. The backward
 * pass has two intermediate tensors in our workspace: delta, and dq's sums in f32, to which several blocks add in no
 * fixed order. The deterministic pass computes dq as one product over the stored score gradients instead, which takes a
 * workspace of T * T bf16 numbers for each head.
 */
#include "kernels/cuda/attention/attention_cudnn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/attention/cudnn_graph.h"
#include "proto/check.h"
#include "proto/err.h"

#define VERSION_MIN 91002 /* the first 9.x whose causal mask takes -inf and any T in both passes */

enum id { Q = 1, K, V, OUT, LSE, SCALE, MASKED, DOUT, DQ, DK, DV, DELTA, DQ_SUMS, ONE };

struct bit_cudnn_attention {
    struct bit_cudnn_attention_shape shape;
    cudnnBackendDescriptor_t plan; /* NULL if cuDNN has none */
    int64_t plan_bytes;            /* of workspace; our own tensors follow it */
    float scale;
    char why[160]; /* why there is no plan; or cuDNN's version */
    struct bit_cudnn_attention *next;
};

struct cache {
    cudnnHandle_t handle;
    struct bit_cudnn_attention *plans;
    char why[160]; /* why the library cannot be used; else empty */
};

/* ---- shapes */

typedef struct bit_cudnn_shape shape4;

/* (B, H, T, D) in a tensor of `parts` packed side by side. */
static shape4 heads_of(const struct bit_cudnn_attention_shape *s, int parts)
{
    const int64_t row = parts * s->heads * s->head_dim;

    return (shape4){{s->batch, s->heads, s->time, s->head_dim}, {s->time * row, s->head_dim, row, 1}};
}

static shape4 swapped(shape4 x)
{
    return (shape4){{x.dim[0], x.dim[1], x.dim[3], x.dim[2]}, {x.stride[0], x.stride[1], x.stride[3], x.stride[2]}};
}

/* (B, H, T, columns), dense. */
static shape4 rows_of(const struct bit_cudnn_attention_shape *s, int64_t columns)
{
    const int64_t head = s->time * columns;

    return (shape4){{s->batch, s->heads, s->time, columns}, {s->heads * head, head, columns, 1}};
}

/* ---- graphs */

struct builder {
    struct bit_cudnn_graph g;
    shape4 rows, square;
};

static bit_cudnn_tensor apply(struct builder *b, cudnnPointwiseMode_t mode, bit_cudnn_tensor x, bit_cudnn_tensor with,
                              const shape4 *shape)
{
    bit_cudnn_tensor y = bit_cudnn_virtual(&b->g, CUDNN_DATA_FLOAT, shape);

    bit_cudnn_pointwise(&b->g, mode, CUDNN_DATA_FLOAT, x, with, NULL, y);
    return y;
}

static bit_cudnn_tensor reduce(struct builder *b, cudnnReduceTensorOp_t op, bit_cudnn_tensor x)
{
    bit_cudnn_tensor y = bit_cudnn_virtual(&b->g, CUDNN_DATA_FLOAT, &b->rows);

    bit_cudnn_reduce(&b->g, op, x, y);
    return y;
}

/* x transposed, in bf16. */
static bit_cudnn_tensor transpose(struct builder *b, bit_cudnn_tensor x)
{
    const shape4 shape = swapped(b->square);
    bit_cudnn_tensor y = bit_cudnn_virtual(&b->g, CUDNN_DATA_BFLOAT16, &shape);

    bit_cudnn_reshape(&b->g, x, y);
    return y;
}

static bit_cudnn_tensor multiply(struct builder *b, bit_cudnn_tensor x, bit_cudnn_tensor y)
{
    bit_cudnn_tensor product = bit_cudnn_virtual(&b->g, CUDNN_DATA_FLOAT, &b->square);

    bit_cudnn_matmul(&b->g, x, y, product);
    return product;
}

/* Replaces scores after the diagonal by MASKED. */
static bit_cudnn_tensor mask(struct builder *b, bit_cudnn_tensor scores)
{
    bit_cudnn_tensor row = bit_cudnn_virtual(&b->g, CUDNN_DATA_INT32, &b->square);
    bit_cudnn_tensor column = bit_cudnn_virtual(&b->g, CUDNN_DATA_INT32, &b->square);
    bit_cudnn_tensor past = bit_cudnn_virtual(&b->g, CUDNN_DATA_BOOLEAN, &b->square);
    bit_cudnn_tensor y = bit_cudnn_virtual(&b->g, CUDNN_DATA_FLOAT, &b->square);

    bit_cudnn_index(&b->g, 2, scores, row);
    bit_cudnn_index(&b->g, 3, scores, column);
    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, row, column, NULL, past);
    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, scores, bit_cudnn_scalar(&b->g, MASKED),
                        past, y);
    return y;
}

static void build_forward(struct builder *b, const struct bit_cudnn_attention_shape *s)
{
    const shape4 part = heads_of(s, 3), part_swapped = swapped(part), whole = heads_of(s, 1);
    bit_cudnn_tensor q = bit_cudnn_real(&b->g, Q, CUDNN_DATA_BFLOAT16, &part);
    bit_cudnn_tensor k = bit_cudnn_real(&b->g, K, CUDNN_DATA_BFLOAT16, &part_swapped);
    bit_cudnn_tensor v = bit_cudnn_real(&b->g, V, CUDNN_DATA_BFLOAT16, &part);
    bit_cudnn_tensor out = bit_cudnn_real(&b->g, OUT, CUDNN_DATA_BFLOAT16, &whole);
    bit_cudnn_tensor lse = bit_cudnn_real(&b->g, LSE, CUDNN_DATA_FLOAT, &b->rows);
    bit_cudnn_tensor p = bit_cudnn_virtual(&b->g, CUDNN_DATA_BFLOAT16, &b->square);

    bit_cudnn_tensor s0 = multiply(b, q, k);
    bit_cudnn_tensor s1 = apply(b, CUDNN_POINTWISE_MUL, s0, bit_cudnn_scalar(&b->g, SCALE), &b->square);
    bit_cudnn_tensor s2 = mask(b, s1);
    bit_cudnn_tensor most = reduce(b, CUDNN_REDUCE_TENSOR_MAX, s2);
    bit_cudnn_tensor e = apply(b, CUDNN_POINTWISE_EXP, apply(b, CUDNN_POINTWISE_SUB, s2, most, &b->square), NULL,
                               &b->square);
    bit_cudnn_tensor sum = reduce(b, CUDNN_REDUCE_TENSOR_ADD, e);
    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, most,
                        apply(b, CUDNN_POINTWISE_LOG, sum, NULL, &b->rows), NULL, lse);
    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_DIV, CUDNN_DATA_FLOAT, e, sum, NULL, p);
    bit_cudnn_matmul(&b->g, p, v, out);
}

/* dq = ds k, through sums in memory unless it must be deterministic. */
static void build_dq(struct builder *b, const struct bit_cudnn_attention_shape *s, bit_cudnn_tensor ds,
                     bit_cudnn_tensor k_swapped, const shape4 *part)
{
    const shape4 sums_shape = rows_of(s, s->head_dim);
    bit_cudnn_tensor k = bit_cudnn_virtual(&b->g, CUDNN_DATA_BFLOAT16, part);
    bit_cudnn_tensor dq = bit_cudnn_real(&b->g, DQ, CUDNN_DATA_BFLOAT16, part);

    bit_cudnn_reshape(&b->g, k_swapped, k);
    if (s->deterministic) {
        bit_cudnn_matmul(&b->g, ds, k, dq);
        return;
    }
    bit_cudnn_tensor sums = bit_cudnn_real(&b->g, DQ_SUMS, CUDNN_DATA_FLOAT, &sums_shape);
    bit_cudnn_matmul(&b->g, ds, k, sums);
    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_IDENTITY, CUDNN_DATA_FLOAT, sums, NULL, NULL, dq);
}

/* delta = sum of out * dout over a row; the engines' pattern needs the product with one. */
static bit_cudnn_tensor build_delta(struct builder *b, const struct bit_cudnn_attention_shape *s, bit_cudnn_tensor dout,
                                    const shape4 *whole)
{
    const shape4 product = rows_of(s, s->head_dim);
    bit_cudnn_tensor out = bit_cudnn_real(&b->g, OUT, CUDNN_DATA_BFLOAT16, whole);
    bit_cudnn_tensor delta = bit_cudnn_real(&b->g, DELTA, CUDNN_DATA_FLOAT, &b->rows);
    bit_cudnn_tensor sum = reduce(b, CUDNN_REDUCE_TENSOR_ADD, apply(b, CUDNN_POINTWISE_MUL, dout, out, &product));

    bit_cudnn_pointwise(&b->g, CUDNN_POINTWISE_MUL, CUDNN_DATA_FLOAT, sum, bit_cudnn_scalar(&b->g, ONE), NULL, delta);
    return delta;
}

static void build_backward(struct builder *b, const struct bit_cudnn_attention_shape *s)
{
    const shape4 part = heads_of(s, 3), part_swapped = swapped(part), whole = heads_of(s, 1);
    bit_cudnn_tensor q = bit_cudnn_real(&b->g, Q, CUDNN_DATA_BFLOAT16, &part);
    bit_cudnn_tensor k = bit_cudnn_real(&b->g, K, CUDNN_DATA_BFLOAT16, &part_swapped);
    bit_cudnn_tensor v = bit_cudnn_real(&b->g, V, CUDNN_DATA_BFLOAT16, &part_swapped);
    bit_cudnn_tensor dout = bit_cudnn_real(&b->g, DOUT, CUDNN_DATA_BFLOAT16, &whole);
    bit_cudnn_tensor lse = bit_cudnn_real(&b->g, LSE, CUDNN_DATA_FLOAT, &b->rows);
    bit_cudnn_tensor dk = bit_cudnn_real(&b->g, DK, CUDNN_DATA_BFLOAT16, &part);
    bit_cudnn_tensor dv = bit_cudnn_real(&b->g, DV, CUDNN_DATA_BFLOAT16, &part);
    bit_cudnn_tensor scale = bit_cudnn_scalar(&b->g, SCALE), delta = build_delta(b, s, dout, &whole);

    bit_cudnn_tensor s0 = apply(b, CUDNN_POINTWISE_MUL, multiply(b, q, k), scale, &b->square);
    bit_cudnn_tensor s1 = mask(b, apply(b, CUDNN_POINTWISE_SUB, s0, lse, &b->square));
    bit_cudnn_tensor p = apply(b, CUDNN_POINTWISE_EXP, s1, NULL, &b->square);
    bit_cudnn_matmul(&b->g, transpose(b, p), dout, dv);

    bit_cudnn_tensor dp = apply(b, CUDNN_POINTWISE_SUB, multiply(b, dout, v), delta, &b->square);
    bit_cudnn_tensor ds = apply(b, CUDNN_POINTWISE_MUL, apply(b, CUDNN_POINTWISE_MUL, dp, p, &b->square), scale,
                                &b->square);
    bit_cudnn_matmul(&b->g, transpose(b, ds), q, dk);
    build_dq(b, s, ds, k, &part);
}

/* ---- plans */

static void explain(char *why, size_t bytes, cudnnStatus_t status, const char *what)
{
    snprintf(why, bytes, "cuDNN %zu: %s: %s", cudnnGetVersion(), what, cudnnGetErrorString(status));
}

static void build(struct bit_cudnn_attention *a, cudnnHandle_t handle)
{
    struct builder b = {.rows = rows_of(&a->shape, 1), .square = rows_of(&a->shape, a->shape.time)};

    cudnnStatus_t status;

    bit_cudnn_graph_init(&b.g);
    if (a->shape.backward)
        build_backward(&b, &a->shape);
    else
        build_forward(&b, &a->shape);
    status = bit_cudnn_plan(&b.g, handle, &a->plan, &a->plan_bytes);
    if (status == CUDNN_STATUS_SUCCESS)
        snprintf(a->why, sizeof a->why, "cuDNN %zu", cudnnGetVersion());
    else
        explain(a->why, sizeof a->why, status, b.g.failed);
    bit_cudnn_graph_finish(&b.g);
}

static void destroy(void *state)
{
    struct cache *cache = state;
    struct bit_cudnn_attention *next;

    for (struct bit_cudnn_attention *a = cache->plans; a != NULL; a = next) {
        next = a->next;
        if (a->plan != NULL)
            cudnnBackendDestroyDescriptor(a->plan);
        free(a);
    }
    if (cache->handle != NULL)
        cudnnDestroy(cache->handle);
    free(cache);
}

static void open_library(struct cache *cache, cudaStream_t stream)
{
    cudnnStatus_t status = cudnnCreate(&cache->handle);

    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnSetStream(cache->handle, stream);
    if (status != CUDNN_STATUS_SUCCESS)
        explain(cache->why, sizeof cache->why, status, "opening the library");
    else if (cudnnGetVersion() < VERSION_MIN)
        snprintf(cache->why, sizeof cache->why, "cuDNN %zu is older than %d", cudnnGetVersion(), VERSION_MIN);
}

static struct cache *cache_of(struct bit_gpu *gpu)
{
    struct bit_gpu_cache *slot = &gpu->cache[BIT_GPU_CACHE_ATTENTION];

    if (slot->state == NULL) {
        struct cache *cache = calloc(1, sizeof *cache);
        if (cache == NULL)
            return NULL;
        open_library(cache, gpu->stream);
        *slot = (struct bit_gpu_cache){cache, destroy};
    }
    return slot->state;
}

static bool same(const struct bit_cudnn_attention_shape *a, const struct bit_cudnn_attention_shape *b)
{
    return a->batch == b->batch && a->time == b->time && a->heads == b->heads && a->head_dim == b->head_dim &&
           a->backward == b->backward && a->deterministic == b->deterministic;
}

/* Shapes that the heuristics fail to reject. Up to 9.15 the backward pass reads past a partial last tile of keys. */
static bool refused(struct bit_cudnn_attention *a)
{
    const struct bit_cudnn_attention_shape *s = &a->shape;

    if (s->head_dim % 8 != 0 || s->time < 2)
        snprintf(a->why, sizeof a->why, "cuDNN takes heads of a multiple of 8 and more than one position");
    else if (s->backward && s->time % 128 != 0 && cudnnGetVersion() <= 91500)
        snprintf(a->why, sizeof a->why, "cuDNN %zu takes multiples of 128 positions", cudnnGetVersion());
    return *a->why != '\0';
}

static struct bit_cudnn_attention *find(struct cache *cache, const struct bit_cudnn_attention_shape *shape)
{
    struct bit_cudnn_attention *a = cache->plans;

    while (a != NULL && !same(&a->shape, shape))
        a = a->next;
    if (a != NULL)
        return a;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct bit_cudnn_attention){
        .shape = *shape, .scale = (float)(1 / sqrt((double)shape->head_dim)), .next = cache->plans};
    cache->plans = a;
    if (!refused(a))
        build(a, cache->handle);
    return a;
}

const struct bit_cudnn_attention *bit_cudnn_attention_plan(struct bit_gpu *gpu,
                                                           const struct bit_cudnn_attention_shape *shape,
                                                           const char **why)
{
    struct cache *cache = cache_of(gpu);
    const struct bit_cudnn_attention *a;

    *why = "out of memory";
    if (cache == NULL)
        return NULL;
    *why = cache->why;
    if (*cache->why != '\0')
        return NULL;
    a = find(cache, shape);
    *why = a == NULL ? "out of memory" : a->why;
    return a != NULL && a->plan != NULL ? a : NULL;
}

/* ---- calls */

/* Our own workspace: delta, then dq's sums. */
static size_t delta_bytes(const struct bit_cudnn_attention_shape *s)
{
    return (size_t)bit_round_up(s->batch * s->heads * s->time * 4, 256);
}

static size_t sums_bytes(const struct bit_cudnn_attention_shape *s)
{
    return s->deterministic ? 0 : (size_t)(s->batch * s->heads * s->time * s->head_dim) * 4;
}

size_t bit_cudnn_attention_workspace(const struct bit_cudnn_attention *plan)
{
    const size_t own = plan->shape.backward ? delta_bytes(&plan->shape) + sums_bytes(&plan->shape) : 0;

    return (size_t)bit_round_up(plan->plan_bytes, 256) + own;
}

static uint8_t *part_of(const void *packed, const struct bit_cudnn_attention_shape *s, int part)
{
    return (uint8_t *)(uintptr_t)packed + (size_t)(part * s->heads * s->head_dim) * sizeof(bit_bf16);
}

static int run(struct bit_gpu *gpu, const struct bit_cudnn_attention *a, int count, const int64_t *ids,
               void *const *memory, void *workspace)
{
    const struct cache *cache = gpu->cache[BIT_GPU_CACHE_ATTENTION].state;

    const cudnnStatus_t status = bit_cudnn_run(cache->handle, a->plan, count, ids, memory, workspace);

    if (status != CUDNN_STATUS_SUCCESS)
        return bit_fail(BIT_ECUDA, "attention by cuDNN: %s", cudnnGetErrorString(status));
    return 0;
}

int bit_cudnn_attention(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                        const struct bit_attention_args *args, void *workspace)
{
    const struct bit_cudnn_attention_shape *s = &plan->shape;
    float scale = plan->scale, masked = -INFINITY;
    const int64_t ids[] = {Q, K, V, OUT, LSE, SCALE, MASKED};
    void *const memory[] = {part_of(args->qkv, s, 0),
                            part_of(args->qkv, s, 1),
                            part_of(args->qkv, s, 2),
                            args->out,
                            args->lse,
                            &scale,
                            &masked};

    return run(gpu, plan, BIT_COUNT(ids), ids, memory, workspace);
}

int bit_cudnn_attention_backward(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                                 const struct bit_attention_backward_args *args, void *workspace)
{
    const struct bit_cudnn_attention_shape *s = &plan->shape;
    uint8_t *delta = (uint8_t *)workspace + bit_round_up(plan->plan_bytes, 256);
    float scale = plan->scale, masked = -INFINITY, one = 1;
    const int64_t ids[] = {Q, K, V, OUT, LSE, SCALE, MASKED, DOUT, DQ, DK, DV, DELTA, ONE, DQ_SUMS};
    void *const memory[] = {part_of(args->qkv, s, 0),
                            part_of(args->qkv, s, 1),
                            part_of(args->qkv, s, 2),
                            (void *)(uintptr_t)args->out,
                            (void *)(uintptr_t)args->lse,
                            &scale,
                            &masked,
                            (void *)(uintptr_t)args->dout,
                            part_of(args->dqkv, s, 0),
                            part_of(args->dqkv, s, 1),
                            part_of(args->dqkv, s, 2),
                            delta,
                            &one,
                            delta + delta_bytes(s)};

    return run(gpu, plan, (int)BIT_COUNT(ids) - s->deterministic, ids, memory, workspace);
}
