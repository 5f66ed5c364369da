/* AdamW: one pass over the range. */
#include "kernels/adamw.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/stochastic_rounding.h"
#include "proto/check.h"

#define CHUNK 16384 /* elements in a thread's unit of work */

/* The scalars, computed in double as torch does, then rounded once. */
struct scalars {
    float beta1, beta2, rest1, rest2, decay, grad_scale, step, inverse_root, eps;
    struct bit_rounding_key key;
};

static const vu lane_numbers = {
#if BIT_LANES == 16
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
#elif BIT_LANES == 8
    0, 1, 2, 3, 4, 5, 6, 7,
#else
    0,
    1,
    2,
    3,
#endif
};

static inline vf vf_sqrt(vf x)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < BIT_LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* bit_rounding_bits of BIT_LANES elements, starting at `element`. */
static inline vu rounding_bits(struct bit_rounding_key key, uint64_t element)
{
    const vu from = (vu){0} + (uint32_t)element, low = from + lane_numbers;
    /* Plus 1 in lanes where the lower 32 bits overflowed. */
    const vu high = ((vu){0} + (uint32_t)(element >> 32) - (vu)(low < from)) * BIT_ROUNDING_HIGH;
    vu x = low + high + key.first;

    x = (x ^ (x >> 16)) * BIT_ROUNDING_ROUND1;
    x ^= high + key.second;
    x = (x ^ (x >> 15)) * BIT_ROUNDING_ROUND2;
    return x ^ (x >> 16);
}

/* bit_rounded_bits in every lane; random is below 2^16. x is a sum, and a NaN of arithmetic is quiet already. */
static inline vh round_stochastically(vf x, vu random)
{
    const vu bits = (vu)x, is_finite = (vu)((bits & 0x7f800000) != 0x7f800000);

    return vu_narrow((bits + (random & is_finite)) >> 16);
}

static inline void store_rounded(void *moments, int64_t i, int64_t left, vf x, vu random)
{
    const vh h = round_stochastically(x, random);

    if (left >= BIT_LANES)
        memcpy((bit_bf16 *)moments + i, &h, sizeof h);
    else
        memcpy((bit_bf16 *)moments + i, &h, (size_t)left * sizeof(bit_bf16));
}

static inline void store_moments(const struct bit_adamw_args *args, const struct scalars *k, int64_t i, int64_t left,
                                 vf m, vf v)
{
    if (args->moments == BIT_BF16) {
        const vu random = rounding_bits(k->key, (uint64_t)(args->first + i));
        store_rounded(args->m, i, left, m, random & 0xffff);
        store_rounded(args->v, i, left, v, random >> 16);
    } else {
        vf_store_upto(args->m, BIT_F32, i, left, m);
        vf_store_upto(args->v, BIT_F32, i, left, v);
    }
}

static void update(const struct bit_adamw_args *args, const struct scalars *k, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i += BIT_LANES) {
        const int64_t left = end - i;
        const vf g = vf_load_upto(args->g, BIT_F32, i, left, 0) * k->grad_scale;
        const vf m = vf_load_upto(args->m, args->moments, i, left, 0) * k->beta1 + g * k->rest1;
        const vf v = vf_load_upto(args->v, args->moments, i, left, 0) * k->beta2 + g * g * k->rest2;
        vf p = vf_load_upto(args->p, BIT_F32, i, left, 0);

        p -= p * k->decay;
        p -= m * k->step / (vf_sqrt(v) * k->inverse_root + k->eps);
        store_moments(args, k, i, left, m, v);
        vf_store_upto(args->p, BIT_F32, i, left, p);
        if (args->copy != NULL)
            vf_store_upto(args->copy, BIT_BF16, i, left, p);
    }
}

int BIT_ISA(adamw)(const struct bit_exec *exec, const struct bit_adamw_args *args)
{
    const double grad_scale = args->grad_scale == NULL ? 1 : *args->grad_scale;
    int err = bit_adamw_check(args);

    if (err < 0 || !isfinite(grad_scale))
        return err;
    const struct scalars k = {
        .beta1 = (float)args->beta1,
        .beta2 = (float)args->beta2,
        .rest1 = (float)(1 - args->beta1),
        .rest2 = (float)(1 - args->beta2),
        .decay = (float)(args->lr * args->weight_decay),
        .grad_scale = (float)grad_scale,
        .step = (float)(args->lr / (1 - pow(args->beta1, (double)args->t))),
        .inverse_root = (float)(1 / sqrt(1 - pow(args->beta2, (double)args->t))),
        .eps = (float)args->eps,
        .key = bit_rounding_key_of(args->seed, args->t),
    };

#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t i = 0; i < args->count; i += CHUNK)
        update(args, &k, i, BIT_MIN(i + CHUNK, args->count));
    return 0;
}
