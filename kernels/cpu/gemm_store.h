/* Stores a tile's sums in C, or keeps them for the next run. Part of gemm.c, built for each level. */
#ifndef BIT_KERNELS_CPU_GEMM_STORE_H
#define BIT_KERNELS_CPU_GEMM_STORE_H

#include <math.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_tile.h"
#include "kernels/element.h"

struct tile_place {
    int64_t i, j; /* in C */
    int rows, cols;
    float factor;    /* of this run of k */
    int first, last; /* whether it is the first, or the last, run of k */
    float *kept;     /* the tile's partial sums, with rows kept_stride apart; NULL if C holds them */
    int64_t kept_stride;
    const float *col_scale; /* (cols) or NULL */
    int one_scale;          /* all of col_scale are equal */
};

/* The values to which the sums of this run are added. */
static inline const void *addend_of(const struct bit_gemm_args *args, const struct tile_place *place)
{
    return place->kept == NULL && !place->first ? args->c : args->addend;
}

/* Everything below is inlined twice: with a constant cols, for whole tiles, and with a variable one, for the last
 * columns. */
#define STORE_INLINE static inline __attribute__((always_inline))

/* Prefetches the addend while the tile is summed. Always inline, because GCC removes calls to a function that only
 * prefetches. */
STORE_INLINE void fetch_tile(const struct bit_gemm_args *args, const struct tile_place *place)
{
    const int64_t size = (int64_t)bit_dtype_bytes(args->c_dtype);
    const char *addend = addend_of(args, place);

    if (addend == NULL)
        return;
    for (int r = 0; r < place->rows; r++) {
        const char *row = addend + ((place->i + r) * args->n + place->j) * size;
        for (int64_t at = 0; at < place->cols * size; at += 64)
            __builtin_prefetch(row + at);
    }
}

/* Adds the partial sums of earlier runs, and keeps the result for later runs. Returns whether sums are complete. */
STORE_INLINE int gather_partial(const struct tile_place *place, float *restrict kept, float *restrict sum, int cols)
{
    if (!place->first)
        for (int j = 0; j < cols; j++)
            sum[j] += kept[j];
    if (!place->last)
        memcpy(kept, sum, (size_t)cols * sizeof *kept);
    return place->last;
}

/* The contract's order (bitlinear.h): a rounded product, a rounded reciprocal, then a product or an fma. */
STORE_INLINE void scale_row(const struct tile_place *place, float row_scale, float *restrict unit, int cols)
{
    if (place->one_scale) {
        const float same = 1 / (row_scale * place->col_scale[0]);
        for (int j = 0; j < cols; j++)
            unit[j] = same;
        return;
    }
    for (int j = 0; j < cols; j++)
        unit[j] = 1 / (row_scale * place->col_scale[j]);
}

/* The processor's instruction treats subnormals (below 2^-126) as zero, as its bf16 products do. */
STORE_INLINE void store_bf16(bit_bf16 *restrict c, const float *restrict sum, int cols)
{
    int j = 0;

#if TILE_DOTS
    for (; j + TILE_LANES <= cols; j += TILE_LANES)
        _mm256_storeu_si256((__m256i *)(c + j), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(sum + j)));
#endif
    for (; j < cols; j++)
        c[j] = bit_f32_to_bf16(sum[j]);
}

/* Results are computed in `sum` and then copied: C may be the addend, and loops over both would not be vectorised. */
STORE_INLINE void store_sums(const struct bit_gemm_args *args, int64_t at, const float *restrict sum, int cols)
{
    if (args->c_dtype == BIT_F32)
        memcpy((float *)args->c + at, sum, (size_t)cols * sizeof *sum);
    else
        store_bf16((bit_bf16 *)args->c + at, sum, cols);
}

STORE_INLINE void store_scaled(const struct bit_gemm_args *args, int64_t at, float *restrict sum,
                               const float *restrict unit, int cols)
{
    const float *addend = args->addend;

    if (addend != NULL)
        for (int j = 0; j < cols; j++)
            sum[j] = fmaf(sum[j], unit[j], addend[at + j]);
    else
        for (int j = 0; j < cols; j++)
            sum[j] *= unit[j];
    store_sums(args, at, sum, cols);
}

STORE_INLINE void add_row(const struct bit_gemm_args *args, int64_t at, const void *addend, float *restrict sum,
                          int cols)
{
    if (args->c_dtype == BIT_F32)
        for (int j = 0; j < cols; j++)
            sum[j] += ((const float *)addend)[at + j];
    else
        for (int j = 0; j < cols; j++)
            sum[j] += bit_bf16_to_f32(((const bit_bf16 *)addend)[at + j]);
}

STORE_INLINE void store_plain(const struct bit_gemm_args *args, int64_t at, const void *addend, float *restrict sum,
                              int cols)
{
    if (addend != NULL)
        add_row(args, at, addend, sum, cols);
    store_sums(args, at, sum, cols);
}

STORE_INLINE void store_rows(const struct bit_gemm_args *args, const struct tile_place *place, float *restrict sums,
                             int cols)
{
    const void *addend = addend_of(args, place);
    float unit[TILE_COLS];

    for (int r = 0; r < place->rows; r++) {
        float *restrict sum = sums + r * TILE_COLS;
        const int64_t at = (place->i + r) * args->n + place->j;
        if (place->factor != 1)
            for (int j = 0; j < cols; j++)
                sum[j] *= place->factor;
        if (place->kept != NULL && !gather_partial(place, place->kept + r * place->kept_stride, sum, cols))
            continue;
        if (args->row_scale == NULL) {
            store_plain(args, at, addend, sum, cols);
            continue;
        }
        scale_row(place, args->row_scale[place->i + r], unit, cols);
        store_scaled(args, at, sum, unit, cols);
    }
}

static void store_tile(const struct bit_gemm_args *args, const struct tile_place *place, float *sums)
{
    if (place->cols == TILE_COLS)
        store_rows(args, place, sums, TILE_COLS);
    else
        store_rows(args, place, sums, place->cols);
}

#endif
