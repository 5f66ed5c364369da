/* Rotary position embedding: the angles of a position are loaded once and used for all its heads. */
#include "kernels/rope.h"

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

/* Positions in a thread's unit of work: their elements fill whole bytes of the mask, since head_dim is even. */
#define GROUP 4

struct packed {
    void *x; /* (rows, 3, heads, head_dim) */
    enum bit_dtype dtype;
    int64_t rows, time, heads, head_dim;
    const float *cos_sin;
    float direction; /* 1 forward, -1 back */
};

/* Rotates elements [i, i + n), at most BIT_LANES, of both halves of all heads of q and k at one position. */
static void rotate_lanes(const struct packed *p, int64_t row, int64_t i, int64_t n)
{
    const int64_t half = p->head_dim / 2;
    const float *table = p->cos_sin + (row % p->time * half + i) * 2;
    float cosine[BIT_LANES] = {0}, sine[BIT_LANES] = {0};

    for (int64_t k = 0; k < BIT_MIN(n, BIT_LANES); k++) {
        cosine[k] = table[2 * k];
        sine[k] = table[2 * k + 1] * p->direction;
    }
    const vf c = vf_load(cosine), s = vf_load(sine);

    for (int64_t head = 0; head < 2 * p->heads; head++) {
        const int64_t at = (row * 3 * p->heads + head) * p->head_dim + i;
        const vf a = vf_load_upto(p->x, p->dtype, at, n, 0), b = vf_load_upto(p->x, p->dtype, at + half, n, 0);

        vf_store_upto(p->x, p->dtype, at, n, a * c - b * s);
        vf_store_upto(p->x, p->dtype, at + half, n, b * c + a * s);
    }
}

static void rotate(const struct packed *p, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++)
        for (int64_t i = 0; i < p->head_dim / 2; i += BIT_LANES)
            rotate_lanes(p, row, i, p->head_dim / 2 - i);
}

/* Clamps up to 16 values starting at i, and returns the mask bits of those that were outside. NaN is not outside. */
static unsigned clamp_lanes(const struct packed *p, float clip, int64_t i, int64_t n)
{
    unsigned bits = 0;

    for (int64_t k = 0; k < BIT_MIN(n, 16); k += BIT_LANES) {
        const vf x = vf_load_upto(p->x, p->dtype, i + k, n - k, 0);

        bits |= vi_bits((x > clip) | (x < -clip)) << k;
        vf_store_upto(p->x, p->dtype, i + k, n - k, vf_max(vf_set(-clip), vf_min(vf_set(clip), x)));
    }
    return bits;
}

static void clamp(const struct packed *p, uint8_t *mask, float clip, int64_t begin, int64_t end)
{
    const int64_t row = 3 * p->heads * p->head_dim;

    for (int64_t i = begin * row; i < end * row; i += 16) {
        const int64_t left = end * row - i;
        const unsigned bits = clamp_lanes(p, clip, i, left);

        mask[i / 8] = (uint8_t)bits;
        if (left > 8)
            mask[i / 8 + 1] = (uint8_t)(bits >> 8);
    }
}

static void zero_clamped(const struct packed *p, const uint8_t *mask, int64_t begin, int64_t end)
{
    const int64_t row = 3 * p->heads * p->head_dim;

    for (int64_t i = begin * row; i < end * row; i += 8)
        for (unsigned bits = mask[i / 8]; bits != 0; bits &= bits - 1)
            bit_element_set(p->x, p->dtype, i + __builtin_ctz(bits), 0);
}

int BIT_ISA(rope)(const struct bit_exec *exec, const struct bit_rope_args *args)
{
    const struct packed p = {
        args->qkv, args->dtype, args->batch * args->time, args->time, args->heads, args->head_dim, args->cos_sin, 1};
    int err = bit_rope_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t row = 0; row < p.rows; row += GROUP) {
        const int64_t end = BIT_MIN(row + GROUP, p.rows);
        if (args->clip > 0)
            clamp(&p, args->mask, args->clip, row, end);
        rotate(&p, row, end);
    }
    return 0;
}

int BIT_ISA(rope_backward)(const struct bit_exec *exec, const struct bit_rope_backward_args *args)
{
    const struct packed p = {
        args->dqkv, args->dtype, args->batch * args->time, args->time, args->heads, args->head_dim, args->cos_sin, -1};
    int err = bit_rope_backward_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t row = 0; row < p.rows; row += GROUP) {
        const int64_t end = BIT_MIN(row + GROUP, p.rows);
        rotate(&p, row, end);
        if (args->mask != NULL)
            zero_clamped(&p, args->mask, row, end);
    }
    return 0;
}
