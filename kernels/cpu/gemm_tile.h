/*
 * A tile of C in registers: TILE_ROWS x TILE_COLS sums over a run of k. Part of gemm.c, built for each level.
 *
 * Operands are 32-bit words: one f32, or two bf16 or four int8 with consecutive k. Each word of A is multiplied with a
 * row of TILE_COLS words of B's panel.
 */
#ifndef BIT_KERNELS_CPU_GEMM_TILE_H
#define BIT_KERNELS_CPU_GEMM_TILE_H

#include <stdint.h>
#include <string.h>

#define TILE_ROWS 6
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#define TILE_DOTS    1 /* the processor multiplies bf16 and int8 directly */
#define TILE_LANES   16
#define TILE_VECTORS 4 /* 24 sums, 4 words of B, 1 of A: 29 of 32 registers */
#else
#define TILE_DOTS    0
#define TILE_VECTORS 2 /* 12 sums, 2 words of B, 1 of A: 15 of 16 registers */
#if defined(__AVX2__)
#define TILE_LANES 8
#else
#define TILE_LANES 4
#endif
#endif
#define TILE_COLS (TILE_LANES * TILE_VECTORS)

/* The addresses of a tile's words of A: row r's word g is at row[r] + g step, in bytes. */
struct tile_rows {
    const char *row[TILE_ROWS];
    int64_t step;
};

typedef float tile_f32 __attribute__((vector_size(TILE_LANES * 4)));

static inline uint32_t tile_word(const char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline float tile_float(const char *at)
{
    float f;

    memcpy(&f, at, sizeof f);
    return f;
}

/* The loop for every dtype: sums and words of B are arrays, which full unrolling keeps in registers. */
#define TILE_BODY(vector, zero, load_b, load_a, multiply_add)                                                          \
    const char *a0 = a->row[0], *a1 = a->row[1], *a2 = a->row[2], *a3 = a->row[3], *a4 = a->row[4], *a5 = a->row[5];   \
    vector sum[TILE_ROWS][TILE_VECTORS];                                                                               \
    _Pragma("GCC unroll 6") for (int r = 0; r < TILE_ROWS; r++)                                                        \
        _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) sum[r][v] = zero;                               \
    for (int64_t g = 0; g < words; g++, b += TILE_COLS) {                                                              \
        const char *const row[TILE_ROWS] = {a0, a1, a2, a3, a4, a5};                                                   \
        vector column[TILE_VECTORS];                                                                                   \
        _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) column[v] = load_b(b + v * TILE_LANES);         \
        _Pragma("GCC unroll 6") for (int r = 0; r < TILE_ROWS; r++)                                                    \
        {                                                                                                              \
            const vector word = load_a(row[r]);                                                                        \
            _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++)                                             \
                sum[r][v] = multiply_add(sum[r][v], column[v], word);                                                  \
        }                                                                                                              \
        a0 += a->step, a1 += a->step, a2 += a->step, a3 += a->step, a4 += a->step, a5 += a->step;                      \
    }

#define LOAD_F32(p)       (*(const tile_f32 *)(p))
#define SPLAT_F32(p)      ((tile_f32){0} + tile_float(p))
#define MADD_F32(s, x, y) ((s) + (x) * (y))

/* Fully unrolled: an index that is not a constant would keep the sums in memory. */
#define TILE_EACH(statement)                                                                                           \
    _Pragma("GCC unroll 6") for (int r = 0; r < TILE_ROWS; r++)                                                        \
    {                                                                                                                  \
        _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++)                                                 \
        {                                                                                                              \
            float *const to = out + r * TILE_COLS + v * TILE_LANES;                                                    \
            statement;                                                                                                 \
        }                                                                                                              \
    }

static __attribute__((noinline)) void tile_f32_sum(int64_t words, const struct tile_rows *a, const uint32_t *b,
                                                   float *out)
{
    TILE_BODY(tile_f32, (tile_f32){0}, LOAD_F32, SPLAT_F32, MADD_F32)
    TILE_EACH(*(tile_f32 *)to = sum[r][v])
}

#if TILE_DOTS
#define LOAD_WORDS(p)      _mm512_load_si512(p)
#define SPLAT_WORD(p)      _mm512_set1_epi32((int)tile_word(p))
#define MADD_BF16(s, x, y) _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(s), (__m512bh)(x), (__m512bh)(y)))
#define MADD_I8(s, x, y)   (tile_i32) _mm512_dpbusd_epi32((__m512i)(s), (__m512i)(x), (__m512i)(y))

typedef int32_t tile_i32 __attribute__((vector_size(64)));

static __attribute__((noinline)) void tile_bf16_sum(int64_t words, const struct tile_rows *a, const uint32_t *b,
                                                    float *out)
{
    TILE_BODY(__m512i, _mm512_setzero_si512(), LOAD_WORDS, SPLAT_WORD, MADD_BF16)
    TILE_EACH(_mm512_store_si512(to, sum[r][v]))
}

/* B holds code + 1, since vpdpbusd needs an unsigned operand: the product is sum q (w + 1) - sum q. row_sum: sum q. */
static __attribute__((noinline)) void tile_i8_sum(int64_t words, const struct tile_rows *a, const uint32_t *b,
                                                  const int32_t *row_sum, float *out)
{
    TILE_BODY(tile_i32, (tile_i32){0}, (tile_i32)LOAD_WORDS, (tile_i32)SPLAT_WORD, MADD_I8)
    TILE_EACH(_mm512_store_ps(to, _mm512_cvtepi32_ps((__m512i)(sum[r][v] - row_sum[r]))))
}
#endif

#endif
