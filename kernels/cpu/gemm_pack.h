/*
 * Packs operands into the 32-bit words that gemm_tile.h multiplies. Part of gemm.c, built for each level.
 *
 * A run is `words` words of k starting at element p0, for the rows starting at r0. Past the last k and the last row
 * words are zero, so that tiles need no special case at edges. The function depends on the layouts of input and output:
 *     pack_across   rows are neighbours in memory: words[g][r], interleaving the k of a word (B of NN and TN, A of TN)
 *     pack_turned   k are neighbours: words[g][r], transposing (B of NT)
 *     pack_along    k are neighbours: words[r][g], converting (A that cannot be read in place)
 */
#ifndef BIT_KERNELS_CPU_GEMM_PACK_H
#define BIT_KERNELS_CPU_GEMM_PACK_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_tile.h"
#include "kernels/element.h"
#include "proto/check.h"

#define PACK_ROWS   16 /* widths are multiples of this */
#define FETCH_AHEAD 8  /* k between the rows that are packed and those that are prefetched */

struct pack_run {
    const struct bit_gemm_operand *x;
    enum bit_dtype math;
    int codes;         /* B of int8 products: store code + 1, for tile_i8_sum */
    int64_t r0, rows;  /* first row, and number of rows */
    int64_t p0, count; /* first k, and number of k */
    int64_t words;     /* ceil(count / a word's k) */
};

static inline int word_elements(enum bit_dtype math)
{
    return math == BIT_F32 ? 1 : math == BIT_BF16 ? 2 : 4;
}

/* One word of any operand: for edges, and for cases without a fast implementation. */
static uint32_t word_of(const struct pack_run *run, int64_t r, int64_t g)
{
    const int each = word_elements(run->math);
    uint32_t word = 0;

    for (int e = 0; e < each && g * each + e < run->count && r < run->rows; e++) {
        const int64_t p = run->p0 + g * each + e;
        const int64_t at = (run->r0 + r) * run->x->row + p * run->x->step;
        if (run->math == BIT_I8) {
            word |= (uint32_t)(uint8_t)(((const int8_t *)run->x->data)[at] + run->codes) << 8 * e;
            continue;
        }
        const float f = bit_element(run->x->data, run->x->dtype, at);
        if (run->math == BIT_BF16)
            word |= (uint32_t)bit_f32_to_bf16(f) << 16 * e;
        else
            memcpy(&word, &f, sizeof word);
    }
    return word;
}

#if TILE_DOTS
static inline __mmask16 first_lanes(int64_t count)
{
    return (__mmask16)(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

/* 16 elements as f32; those outside the mask are 0. */
static inline __m512 load_f32(const struct bit_gemm_operand *x, int64_t at, __mmask16 mask)
{
    switch (x->dtype) {
    case BIT_F32:
        return _mm512_maskz_loadu_ps(mask, (const float *)x->data + at);
    case BIT_BF16:
        return _mm512_castsi512_ps(_mm512_slli_epi32(
            _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, (const bit_bf16 *)x->data + at)), 16));
    default:
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, (const int8_t *)x->data + at)));
    }
}

/* Round to bf16, half to even, leaving the bits in the upper half. NaN stays NaN, and is made quiet. */
static inline __m512i round_bf16(__m512 f)
{
    const __m512i bits = _mm512_castps_si512(f);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));

    return _mm512_mask_or_epi32(rounded, _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q), bits, _mm512_set1_epi32(0x400000));
}

/* The words of k group g for 16 rows; bf16 words hold two k, the first in the low half. */
static inline __m512i across_words(const struct pack_run *run, int64_t r, int64_t g)
{
    const __mmask16 mask = first_lanes(run->rows - r), high_mask = 2 * g + 1 < run->count ? mask : 0;
    const int64_t at = run->r0 + r + (run->p0 + g * word_elements(run->math)) * run->x->step;
    const __m512 low = load_f32(run->x, at, mask);

    if (run->math == BIT_F32)
        return _mm512_castps_si512(low);
    const __m512 high = load_f32(run->x, at + run->x->step, high_mask);
    if (run->x->dtype != BIT_F32) /* bf16 and int8 are exact */
        return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(_mm512_castps_si512(low), 16),
                                       _mm512_castps_si512(high));
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(round_bf16(low), 16), round_bf16(high));
}

/* Interleaves two rows of k, 32 bf16 of each, to 32 words, without conversion. */
static inline void interleave_bf16(const bit_bf16 *low, const bit_bf16 *high, uint32_t *out)
{
    static const uint16_t first[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                       8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i index = _mm512_loadu_si512(first), sixteen = _mm512_set1_epi16(16);
    const __m512i x = _mm512_loadu_si512(low), y = _mm512_loadu_si512(high);

    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(x, index, y));
    _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi16(x, _mm512_add_epi16(index, sixteen), y));
}

/* Prefetches both rows of a word. Each row is short and far from the previous one in memory, so the hardware does not
 * prefetch it. */
static inline __attribute__((always_inline)) void fetch_rows(const struct pack_run *run, int64_t p)
{
    const int64_t size = (int64_t)bit_dtype_bytes(run->x->dtype), end = BIT_MIN(p + 2, run->count);

    for (; p < end; p++) {
        const char *row = (const char *)run->x->data + (run->r0 + (run->p0 + p) * run->x->step) * size;
        for (int64_t at = 0; at < run->rows * size; at += 64)
            _mm_prefetch(row + at, _MM_HINT_T0);
    }
}

static void pack_across(const struct pack_run *run, uint32_t *out, int64_t width)
{
    const int plain = run->math == BIT_BF16 && run->x->dtype == BIT_BF16;
    const int64_t step = run->x->step;

    for (int64_t g = 0; g < run->words; g++) {
        const bit_bf16 *low_row = (const bit_bf16 *)run->x->data + run->r0 + (run->p0 + 2 * g) * step;
        const int64_t whole = plain && 2 * g + 1 < run->count ? run->rows / 32 * 32 : 0;
        fetch_rows(run, 2 * g + FETCH_AHEAD);
        for (int64_t r = 0; r < whole; r += 32)
            interleave_bf16(low_row + r, low_row + step + r, out + g * width + r);
        for (int64_t r = whole; r < width; r += 16)
            _mm512_storeu_si512(out + g * width + r, across_words(run, r, g));
    }
}

/* Transpose 16 x 16 words. */
static inline void turn_words(__m512i x[16])
{
    __m512i y[16];

    for (int i = 0; i < 16; i += 2) { /* pairs of rows, by words */
        y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) { /* fours of rows: x[i + c] holds column c of each 128-bit lane */
        x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
        x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
        x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
        x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
    }
    for (int i = 0; i < 8; i++) { /* lanes: eights of rows */
        const int at = i / 4 * 8 + i % 4;
        y[at] = _mm512_shuffle_i32x4(x[at], x[at + 4], 0x88);
        y[at + 4] = _mm512_shuffle_i32x4(x[at], x[at + 4], 0xdd);
    }
    for (int c = 0; c < 4; c++) {
        x[c] = _mm512_shuffle_i32x4(y[c], y[c + 8], 0x88);
        x[c + 8] = _mm512_shuffle_i32x4(y[c], y[c + 8], 0xdd);
        x[c + 4] = _mm512_shuffle_i32x4(y[c + 4], y[c + 12], 0x88);
        x[c + 12] = _mm512_shuffle_i32x4(y[c + 4], y[c + 12], 0xdd);
    }
}

static void turn_block(const struct pack_run *run, uint32_t *out, int64_t width, int64_t r0, int64_t g0)
{
    const int64_t size = (int64_t)bit_dtype_bytes(run->math);
    const int64_t bytes = BIT_MIN(run->count * size - g0 * 4, 64), words = BIT_MIN(run->words - g0, 16);

    const __mmask64 mask = bytes >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << bytes) - 1;
    const char *data = (const char *)run->x->data + ((run->r0 + r0) * run->x->row + run->p0) * size + g0 * 4;
    __m512i x[16];

    for (int64_t i = 0; i < 16; i++) {
        x[i] = r0 + i < run->rows ? _mm512_maskz_loadu_epi8(mask, data + i * run->x->row * size)
                                  : _mm512_setzero_si512();
        x[i] = run->codes ? _mm512_add_epi8(x[i], _mm512_set1_epi8(1)) : x[i];
    }
    turn_words(x);
    for (int64_t g = 0; g < words; g++)
        _mm512_storeu_si512(out + (g0 + g) * width + r0, x[g]);
}

static int turns_fast(const struct pack_run *run)
{
    return run->x->dtype == run->math;
}

static void turn_blocks(const struct pack_run *run, uint32_t *out, int64_t width)
{
    for (int64_t r = 0; r < width; r += 16)
        for (int64_t g = 0; g < run->words; g += 16)
            turn_block(run, out, width, r, g);
}
#else
static void pack_across(const struct pack_run *run, uint32_t *out, int64_t width)
{
    for (int64_t g = 0; g < run->words; g++)
        for (int64_t r = 0; r < width; r++)
            out[g * width + r] = word_of(run, r, g);
}

static int turns_fast(const struct pack_run *run)
{
    return 0;
}

static void turn_blocks(const struct pack_run *run, uint32_t *out, int64_t width)
{
}
#endif

static void pack_turned(const struct pack_run *run, uint32_t *out, int64_t width)
{
    if (turns_fast(run)) {
        turn_blocks(run, out, width);
        return;
    }
    for (int64_t r = 0; r < width; r++)
        for (int64_t g = 0; g < run->words; g++)
            out[g * width + r] = word_of(run, r, g);
}

static void pack_along(const struct pack_run *run, uint32_t *out)
{
    for (int64_t r = 0; r < run->rows; r++)
        for (int64_t g = 0; g < run->words; g++)
            out[r * run->words + g] = word_of(run, r, g);
}

#endif
