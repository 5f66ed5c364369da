/* The sizes of the attention passes' scratch memory. */
#include "kernels/attention_plan.h"

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"

#define TILE BIT_ATTENTION_TILE

struct bit_attention_plan bit_attention_plan(int64_t time, int64_t head_dim)
{
    const int64_t padded = bit_round_up(time, TILE);

    return (struct bit_attention_plan){
        .tiles = padded / TILE, .padded = padded, .width = bit_round_up(head_dim, BIT_ATTENTION_WIDTH)};
}

/* For one head: keys by row, values by row and joined. For a tile of queries: queries by row and by column, scores,
 * probabilities, output; and for each query its maximum, sum and correction. */
int64_t bit_attention_units(const struct bit_attention_plan *p)
{
    return 3 * p->padded * p->width + 3 * TILE * p->width + 2 * TILE * TILE + 3 * TILE;
}

/* For one head: queries and output gradients in three forms each, keys in two, values in one, the queries' gradient,
 * lse and delta. For a tile of keys: two gradients, scores and their gradient, probabilities, and the scores' gradient
 * in two forms. */
int64_t bit_attention_backward_units(const struct bit_attention_plan *p)
{
    return 10 * p->padded * p->width + 2 * p->padded + 2 * TILE * p->width + 5 * TILE * TILE;
}

size_t bit_attention_workspace(int threads, int64_t batch, int64_t time, int64_t heads, int64_t head_dim)
{
    const struct bit_attention_plan plan = bit_attention_plan(time, head_dim);

    return (size_t)threads * (size_t)bit_attention_units(&plan) * sizeof(uint32_t);
}

size_t bit_attention_backward_workspace(int threads, int64_t batch, int64_t time, int64_t heads, int64_t head_dim)
{
    const struct bit_attention_plan plan = bit_attention_plan(time, head_dim);

    return (size_t)threads * (size_t)bit_attention_backward_units(&plan) * sizeof(uint32_t);
}

/* cuDNN's own workspace; its best engines request 256 bytes. */
#define CUDNN_PLAN_BYTES (64 << 10)

size_t bit_attention_workspace_cuda(int64_t batch, int64_t time, int64_t heads, int64_t head_dim)
{
    (void)batch, (void)time, (void)heads, (void)head_dim;
    return BIT_HAVE_CUDNN ? CUDNN_PLAN_BYTES : 0;
}

/* Our own kernels compute deterministic gradients of longer sequences: cuDNN's scratch grows quadratically. */
#define CUDNN_STORED_TIME_MAX 4096

/* cuDNN's deterministic backward pass stores the gradient of every score, in whole tiles of 128, in bf16. */
static size_t stored_scores_bytes(int64_t batch, int64_t time, int64_t heads)
{
    const int64_t padded = bit_round_up(time, 128);

    return time > CUDNN_STORED_TIME_MAX ? 0 : (size_t)(batch * heads * padded * padded) * sizeof(bit_bf16);
}

/* delta, a float for each row; and if cuDNN may be used, dq's sums in f32, or the stored gradients of scores. */
size_t bit_attention_backward_workspace_cuda(int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                                             bool deterministic)
{
    const size_t rows = (size_t)(batch * heads * time), delta = (size_t)bit_round_up((int64_t)rows * 4, 256);

    if (!BIT_HAVE_CUDNN)
        return delta;
    return CUDNN_PLAN_BYTES + delta +
           (deterministic ? stored_scores_bytes(batch, time, heads) : rows * (size_t)head_dim * sizeof(float));
}
