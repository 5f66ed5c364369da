/* Rotary position embedding of a packed q, k, v, after OLMo's optional clamp. */
#ifndef BIT_KERNELS_ROPE_H
#define BIT_KERNELS_ROPE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(rope);
/**
 * In place: first, if clip > 0, clamp all of q, k, v to [-clip, clip] and set bit i of mask if value i was strictly
 * outside; then rotate the halves of each head of q and k,
 *     (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin), by the angle t theta^(-2i/D).
 * Shapes      qkv (B, T, 3, H, D), D even; cos_sin (T, D/2, 2) from bit_rope_table; mask B T 3 H D bits
 * Dtypes      qkv f32 or bf16; rotated in f32 (OLMo's rope_full_precision)
 */
struct bit_rope_args {
    int64_t batch, time, heads, head_dim;
    float clip;
    const float *cos_sin;
    void *qkv;
    enum bit_dtype dtype;
    uint8_t *mask; /* NULL if clip is 0 */
};

void bit_rope_table(int64_t time, int64_t head_dim, double theta, float *cos_sin);

BIT_OP_DECLARE(rope_backward);
/** In place on dqkv: rotate the gradients of q and k back by the same angles, then zero those of clamped values. */
struct bit_rope_backward_args {
    int64_t batch, time, heads, head_dim;
    const float *cos_sin;
    void *dqkv;
    enum bit_dtype dtype;
    const uint8_t *mask;
};

#endif
