/*
 * The layout of the fused bf16 product: which part of an operand a copy brings to which byte of a stage, what wgmma
 * reads there, which sums a thread holds, and where they are stored. These are plain functions of numbers, the same on
 * the GPU and on the host, so that tests/unit/kernels/cuda/gemm/test_gemm_layout.c can follow every element without a
 * GPU.
 *
 *     tile    192 x 128 sums, which one group computes
 *     slab    64 rows of a tile: what one wgmma multiplies
 *     group   four warps that issue a wgmma together. Two groups of a block take turns: one stores its tile while the
 *             other multiplies
 *     piece   64 rows of one output that are stored by one copy: what a group stages at a time
 *     cluster two blocks, whose tiles lie side by side and multiply the same rows of a: each block loads half of them
 *             for both
 */
#ifndef BIT_KERNELS_CUDA_GEMM_LAYOUT_H
#define BIT_KERNELS_CUDA_GEMM_LAYOUT_H

#include <stdint.h>

#ifdef __CUDACC__
#define BIT_LAYOUT          __host__ __device__ constexpr __forceinline__
#define BIT_LAYOUT_OF(name) name
#else
#define BIT_LAYOUT          static inline
#define BIT_LAYOUT_OF(name) (struct name)
#endif

#define BIT_GEMM_GROUP   128 /* threads of a group */
#define BIT_GEMM_GROUPS  2   /* that multiply; one more loads the operands */
#define BIT_GEMM_SLAB    64
#define BIT_GEMM_SLABS   3
#define BIT_GEMM_M       (BIT_GEMM_SLABS * BIT_GEMM_SLAB) /* rows of a tile */
#define BIT_GEMM_N       128                              /* columns of a tile */
#define BIT_GEMM_K       64                               /* of a stage: a row of it is 128 bytes, the widest swizzle */
#define BIT_GEMM_ROW     128                              /* bytes */
#define BIT_GEMM_STEP    16                               /* k of one wgmma */
#define BIT_GEMM_SUMS    (BIT_GEMM_N / 2)                 /* of a thread, in a slab */
#define BIT_GEMM_STAGES  4                                /* of the ring */
#define BIT_GEMM_CLUSTER 2                                /* blocks */
#define BIT_GEMM_BUFFERS 2                                /* of pieces that are being stored, for each group */

/* Clusters' tiles are computed in bands of this many along m, so that those that run at the same time share rows of a
 * and of b in the L2 cache. On an H200 bands of 4 and of 16 take the same time. */
#define BIT_GEMM_BAND 8

/* What is computed from the sums. */
enum bit_gemm_ending {
    BIT_GEMM_SWIGLU,   /* up, gate and up silu(gate): half of a tile's columns are up, half are gate */
    BIT_GEMM_BACKWARD, /* the sums are the gradient of up silu(gate); stored are those of up and gate. b is (K, N) */
    BIT_GEMM_ROPE, /* the sums; in the first two thirds of the columns, the halves of each head of 128 are rotated */
    BIT_GEMM_ENDINGS,
};

/* ---- sizes */

#define BIT_GEMM_A_BYTES     (BIT_GEMM_M * BIT_GEMM_ROW)
#define BIT_GEMM_STAGE_BYTES (BIT_GEMM_A_BYTES + BIT_GEMM_N * BIT_GEMM_ROW)

/* Columns of the outputs in a tile. */
BIT_LAYOUT int bit_gemm_out_n(enum bit_gemm_ending e)
{
    return e == BIT_GEMM_SWIGLU ? BIT_GEMM_N / 2 : BIT_GEMM_N;
}
BIT_LAYOUT int bit_gemm_piece_cols(enum bit_gemm_ending e)
{
    return e == BIT_GEMM_SWIGLU ? 32 : 64;
}
BIT_LAYOUT int bit_gemm_piece_bytes(enum bit_gemm_ending e)
{
    return BIT_GEMM_SLAB * bit_gemm_piece_cols(e) * 2;
}
/* Pieces that are stored together: up, gate and up silu(gate); the gradients of up and gate; the halves of a head. */
BIT_LAYOUT int bit_gemm_pieces(enum bit_gemm_ending e)
{
    return e == BIT_GEMM_SWIGLU ? 3 : 2;
}
/* Columns of the outputs in a round. */
BIT_LAYOUT int bit_gemm_round_cols(enum bit_gemm_ending e)
{
    return bit_gemm_piece_cols(e) * (e == BIT_GEMM_ROPE ? 2 : 1);
}
/* Rounds of staging in a tile. */
BIT_LAYOUT int bit_gemm_rounds(enum bit_gemm_ending e)
{
    return BIT_GEMM_SLABS * (bit_gemm_out_n(e) / bit_gemm_round_cols(e));
}

/* ---- swizzle: the 16-byte words of a row are permuted by the row's number, as TMA and wgmma do it */

/* `row_bytes`, 64 or 128, is the width of the rows and of the swizzle; the offset is from a multiple of 1024. */
BIT_LAYOUT int bit_gemm_swizzled(int offset, int row_bytes)
{
    return offset ^ ((offset >> 7 & (row_bytes / 16 - 1)) << 4);
}

/* ---- copies into a stage */

struct bit_gemm_copy {
    int to;    /* byte of the stage */
    int row;   /* of a: in its tile. Of b: from the tile's first column on */
    int half;  /* of b: up or gate */
    int bytes; /* that each block gets */
};

/* Half of the tile's rows, for both blocks. */
#define BIT_GEMM_A_BOX (BIT_GEMM_M / BIT_GEMM_CLUSTER)
BIT_LAYOUT struct bit_gemm_copy bit_gemm_a_copy(int rank)
{
    const int row = rank * BIT_GEMM_A_BOX;

    return BIT_LAYOUT_OF(bit_gemm_copy){row * BIT_GEMM_ROW, row, 0, BIT_GEMM_A_BOX * BIT_GEMM_ROW};
}

/* b (N, K): rows along k; each of the two copies brings half of the tile's columns. */
#define BIT_GEMM_B_COPIES 2
BIT_LAYOUT struct bit_gemm_copy bit_gemm_b_copy(int i)
{
    const int rows = BIT_GEMM_N / 2;

    return BIT_LAYOUT_OF(bit_gemm_copy){BIT_GEMM_A_BYTES + i * rows * BIT_GEMM_ROW, 0, i, rows * BIT_GEMM_ROW};
}

/* b (K, N): rows along n; a copy brings 64 columns. */
#define BIT_GEMM_B_COLUMNS_COPIES (BIT_GEMM_N / 64)
#define BIT_GEMM_B_BLOCK_BYTES    (BIT_GEMM_K * BIT_GEMM_ROW)
BIT_LAYOUT struct bit_gemm_copy bit_gemm_b_columns_copy(int i)
{
    return BIT_LAYOUT_OF(bit_gemm_copy){BIT_GEMM_A_BYTES + i * BIT_GEMM_B_BLOCK_BYTES, i * 64, 0,
                                        BIT_GEMM_B_BLOCK_BYTES};
}

/* ---- what wgmma reads
 *
 * A descriptor has the address, two distances and the swizzle. With rows along k, the stride is from eight rows to the
 * next eight, 1024 bytes; the other distance is not used. With rows along n (only b), the stride is from eight rows of
 * k to the next eight, 1024 bytes, and the leading distance is from 64 columns to the next 64.
 */
BIT_LAYOUT uint64_t bit_gemm_descriptor(uint32_t address, int leading_bytes, int stride_bytes)
{
    return (uint64_t)((address & 0x3ffff) >> 4) | (uint64_t)(leading_bytes >> 4) << 16 |
           (uint64_t)(stride_bytes >> 4) << 32 | (uint64_t)1 << 62;
}
/* From one wgmma of a stage to the next, in the descriptor's units of 16 bytes. */
#define BIT_GEMM_K_ADVANCE         (BIT_GEMM_STEP * 2 >> 4)
#define BIT_GEMM_K_COLUMNS_ADVANCE (BIT_GEMM_STEP * BIT_GEMM_ROW >> 4)
#define BIT_GEMM_SLAB_ADVANCE      (BIT_GEMM_SLAB * BIT_GEMM_ROW >> 4)

/* ---- sums of a thread, and what it stages
 *
 * Of every 8 columns a thread has the two at 2 (lane % 4), in rows lane / 4 and lane / 4 + 8 of its warp's 16. stmatrix
 * and ldmatrix move four squares of 8 x 8 in one instruction, two above each other and two side by side: lane i gives
 * the address of row i % 8 of square i / 8, and register j is the thread's part of square j.
 */
BIT_LAYOUT int bit_gemm_sum_row(int thread, int i)
{
    return thread / 32 * 16 + thread % 32 / 4 + (i / 2 % 2) * 8;
}
BIT_LAYOUT int bit_gemm_sum_col(int thread, int i)
{
    return i / 4 * 8 + thread % 4 * 2 + i % 2;
}
/* The byte of a piece whose address a thread gives for squares of columns [16 pair, 16 pair + 16). */
BIT_LAYOUT int bit_gemm_square_at(int thread, int pair, int piece_cols)
{
    const int lane = thread % 32, square = lane / 8, row = thread / 32 * 16 + square % 2 * 8 + lane % 8;

    return bit_gemm_swizzled(row * piece_cols * 2 + (2 * pair + square / 2) * 16, piece_cols * 2);
}
/* The first of the two sums in register j. first_col, a multiple of 8, is the piece's first column in the slab. */
BIT_LAYOUT int bit_gemm_square_sum(int first_col, int pair, int j)
{
    return (first_col / 8 + 2 * pair + j / 2) * 4 + j % 2 * 2;
}

/* ---- tiles */

struct bit_gemm_order {
    int m_tiles, n_tiles; /* of clusters */
};
struct bit_gemm_place {
    int m, n;
};
BIT_LAYOUT int64_t bit_gemm_tile_count(struct bit_gemm_order o)
{
    return (int64_t)o.m_tiles * o.n_tiles;
}
BIT_LAYOUT struct bit_gemm_place bit_gemm_tile_at(struct bit_gemm_order o, int64_t index)
{
    const int64_t whole = (int64_t)BIT_GEMM_BAND * o.n_tiles;
    const int first = (int)(index / whole) * BIT_GEMM_BAND, within = (int)(index % whole);
    const int height = o.m_tiles - first < BIT_GEMM_BAND ? o.m_tiles - first : BIT_GEMM_BAND;

    return BIT_LAYOUT_OF(bit_gemm_place){first + within % height, within / height};
}
/* For m x n outputs. The last cluster of a row may have a tile beyond the edge, of which nothing is stored. */
BIT_LAYOUT struct bit_gemm_order bit_gemm_order_of(enum bit_gemm_ending e, int64_t m, int64_t n)
{
    const int64_t width = (int64_t)bit_gemm_out_n(e) * BIT_GEMM_CLUSTER;

    return BIT_LAYOUT_OF(bit_gemm_order){(int)((m + BIT_GEMM_M - 1) / BIT_GEMM_M), (int)((n + width - 1) / width)};
}
/* Whether the fused kernel is faster than a library's product and the operator after it: not if there are too few tiles
 * for all multiprocessors, where libraries choose smaller tiles, nor if the sums of a tile take less time than its
 * outputs, which are then no longer stored in their shadow. */
#define BIT_GEMM_K_LEAST 512
BIT_LAYOUT int bit_gemm_pays(enum bit_gemm_ending e, int64_t m, int64_t n, int64_t k, int multiprocessors)
{
    const int64_t tiles = (m + BIT_GEMM_M - 1) / BIT_GEMM_M * ((n + bit_gemm_out_n(e) - 1) / bit_gemm_out_n(e));

    return tiles >= multiprocessors && k >= BIT_GEMM_K_LEAST;
}
/* First row and column of a block's tile. */
BIT_LAYOUT struct bit_gemm_place bit_gemm_block_at(enum bit_gemm_ending e, struct bit_gemm_place tile, int rank)
{
    return BIT_LAYOUT_OF(bit_gemm_place){tile.m * BIT_GEMM_M, (tile.n * BIT_GEMM_CLUSTER + rank) * bit_gemm_out_n(e)};
}
/* Where the pieces of round i are stored, and which sums they are. */
struct bit_gemm_round {
    int slab;
    int row, col; /* of the output, from the tile's first; the column is also that of the sums in the slab. In SWIGLU
                     gate's sums are BIT_GEMM_N / 2 columns further */
};
BIT_LAYOUT struct bit_gemm_round bit_gemm_round_at(enum bit_gemm_ending e, int i)
{
    const int across = bit_gemm_out_n(e) / bit_gemm_round_cols(e);

    return BIT_LAYOUT_OF(bit_gemm_round){i / across, i / across * BIT_GEMM_SLAB, i % across * bit_gemm_round_cols(e)};
}

#endif
