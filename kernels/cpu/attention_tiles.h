/*
 * Building blocks of both attention passes, in one of two arithmetics: products of f32 (a unit is one element), or, if
 * the processor has them, products of bf16 pairs (a unit is two neighbouring elements in 32 bits). Every layout counts
 * in units, so that the same code serves both; `pairs` is a constant where these functions are inlined.
 *
 * Layouts of a head's (T, D) matrix, with D padded to WIDTH and T to tiles of TILE, zeros in the padding:
 *     rows      [t][unit of d]              the left side of a product over d
 *     columns   [tile][unit of d][t]        the right side of a product over d
 *     joined    [unit of t][d]              the right side of a product over t; the same as rows without pairs
 */
#ifndef BIT_KERNELS_CPU_ATTENTION_TILES_H
#define BIT_KERNELS_CPU_ATTENTION_TILES_H

#include <stdbool.h>

#include "kernels/attention_plan.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

#define INLINE static inline __attribute__((always_inline))

#define TILE BIT_ATTENTION_TILE

/* The block of a product that is accumulated in registers: BLOCK_ROWS x BLOCK_VECTORS vectors. */
#if BIT_LANES == 16
#define BLOCK_ROWS 8
#else
#define BLOCK_ROWS 4
#endif
#define BLOCK_VECTORS 2
#define BLOCK_COLS    (BLOCK_VECTORS * BIT_LANES)

INLINE int64_t unit_elements(bool pairs)
{
    return pairs ? 2 : 1;
}

/* sum + a b, for one unit in each lane. */
INLINE vf multiply_add(vf sum, uint32_t a, vu b, bool pairs)
{
#if defined(__AVX512BF16__)
    if (pairs)
        return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#endif
    float x;
    memcpy(&x, &a, sizeof x);
    return sum + x * (vf)b;
}

/* The left side of a product: unit k of row i is at[i row + k step]. */
struct left {
    const uint32_t *at;
    int64_t row, step;
};

INLINE void product_block(struct left a, const uint32_t *b, int64_t b_row, float *c, int64_t c_row, int64_t units,
                          bool add, bool pairs)
{
    vf sum[BLOCK_ROWS][BLOCK_VECTORS];

#pragma GCC unroll 8
    for (int i = 0; i < BLOCK_ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < BLOCK_VECTORS; j++)
            sum[i][j] = add ? vf_load(c + i * c_row + j * BIT_LANES) : vf_set(0);
    for (int64_t k = 0; k < units; k++) {
        vu right[BLOCK_VECTORS];
#pragma GCC unroll 2
        for (int j = 0; j < BLOCK_VECTORS; j++)
            right[j] = vu_load(b + k * b_row + j * BIT_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < BLOCK_ROWS; i++)
#pragma GCC unroll 2
            for (int j = 0; j < BLOCK_VECTORS; j++)
                sum[i][j] = multiply_add(sum[i][j], a.at[i * a.row + k * a.step], right[j], pairs);
    }
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK_ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < BLOCK_VECTORS; j++)
            vf_store(c + i * c_row + j * BIT_LANES, sum[i][j]);
}

/* c (TILE, cols) = or += a (TILE, units) b (units, cols). cols is a multiple of BLOCK_COLS. */
INLINE void product(struct left a, const uint32_t *b, int64_t b_row, float *c, int64_t cols, int64_t units, bool add,
                    bool pairs)
{
    for (int64_t j = 0; j < cols; j += BLOCK_COLS) {
        for (int64_t i = 0; i < TILE; i += BLOCK_ROWS) {
            const struct left block = {a.at + i * a.row, a.row, a.step};
            product_block(block, b + j, b_row, c + i * cols + j, cols, units, add, pairs);
        }
    }
}

/* One head's matrix inside a packed tensor: element d at position t is x[t stride + d], of dtype. */
struct source {
    const void *x;
    enum bit_dtype dtype;
    int64_t stride, time, dim;
};

/* One part of one instance, in a tensor whose positions hold consecutive parts of q.dim elements. */
static inline struct source part_of_packed(struct source q, int64_t instance, int64_t part)
{
    const int64_t at = instance * q.time * q.stride + part * q.dim;

    q.x = (const uint8_t *)q.x + (size_t)at * bit_dtype_bytes(q.dtype);
    return q;
}

INLINE void pack_row(uint32_t *row, const struct source *from, int64_t t, int64_t width, bool pairs)
{
    const int64_t at = t * from->stride, dim = from->dim;

    if (t >= from->time) {
        memset(row, 0, (size_t)(width / unit_elements(pairs)) * sizeof *row);
        return;
    }
    if (pairs || from->dtype == BIT_F32) {
        const size_t bytes = pairs ? 2 : 4;
        memcpy(row, (const uint8_t *)from->x + (size_t)at * bytes, (size_t)dim * bytes);
        memset((uint8_t *)row + (size_t)dim * bytes, 0, (size_t)(width - dim) * bytes);
        return;
    }
    for (int64_t d = 0; d < width; d++)
        ((float *)row)[d] = d < dim ? bit_bf16_to_f32(((const bit_bf16 *)from->x)[at + d]) : 0;
}

INLINE void pack_rows(uint32_t *rows, const struct source *from, int64_t begin, int64_t end, int64_t width, bool pairs)
{
    const int64_t units = width / unit_elements(pairs);

    for (int64_t t = begin; t < end; t++)
        pack_row(rows + (t - begin) * units, from, t, width, pairs);
}

/* Transposes one tile of rows to one tile of columns. */
INLINE void pack_columns(uint32_t *columns, const uint32_t *rows, int64_t units)
{
    for (int64_t u = 0; u < units; u++)
        for (int64_t t = 0; t < TILE; t++)
            columns[u * TILE + t] = rows[t * units + u];
}

/* Converts rows of `count` positions (even) to joined; only for pairs. */
INLINE void pack_joined(uint32_t *joined, const uint32_t *rows, int64_t count, int64_t width)
{
    const bit_bf16 *x = (const bit_bf16 *)rows;

    for (int64_t t = 0; t < count; t += 2)
        for (int64_t d = 0; d < width; d++)
            joined[t / 2 * width + d] = x[t * width + d] | (uint32_t)x[(t + 1) * width + d] << 16;
}

/* Converts two f32 vectors to one of bf16 pairs: low halves from a, high halves from b. */
INLINE vu join_bf16(vf a, vf b)
{
#if defined(__AVX512BF16__)
    const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                                6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (vu)_mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
#else
    return __builtin_convertvector(vf_to_bf16(a), vu) | __builtin_convertvector(vf_to_bf16(b), vu) << 16;
#endif
}

/* Stores BIT_LANES elements, starting at element `at` of a row, in a (.., TILE) matrix of rows. */
INLINE void store_in_row(uint32_t *rows, int64_t row, int64_t at, vf v, bool pairs)
{
    if (!pairs) {
        vf_store((float *)rows + row * TILE + at, v);
        return;
    }
#if defined(__AVX512BF16__)
    const __m256bh h = _mm512_cvtneps_pbh((__m512)v);
#else
    const vh h = vf_to_bf16(v);
#endif
    memcpy((bit_bf16 *)rows + row * TILE + at, &h, sizeof h);
}

/* All bits set in lanes whose query (first + lane) attends to key. */
INLINE vi sees(int64_t first, int64_t key)
{
    vi lane;

    for (int i = 0; i < BIT_LANES; i++)
        lane[i] = i;
    return lane >= (int32_t)(key - first);
}

#endif
