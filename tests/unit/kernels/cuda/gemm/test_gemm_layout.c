/*
 * The layout of the fused bf16 product, followed element by element without a GPU: what copies write to a stage, what
 * wgmma reads there, what a group stages, and where it is stored. Swizzles and descriptors are decoded as PTX's manual
 * defines them, by functions of this file.
 */
#include "kernels/cuda/gemm/gemm_layout.h"

#include "proto/check.h"
#include "tests/test.h"

#define SHARED_MAX (227 * 1024)
#define BOX_MAX    256

/* ---- PTX's manual */

/* Bits 4 to 6 of an address are combined with bits 7 to 9 (128 bytes), or 4 and 5 with 7 and 8 (64). */
static int address_swizzled(int address, int row_bytes)
{
    return address ^ (row_bytes == 128 ? (address >> 7 & 7) << 4 : (address >> 7 & 3) << 4);
}

struct descriptor {
    int start, leading, stride, mode;
};

static struct descriptor decoded(uint64_t bits)
{
    return (struct descriptor){(int)(bits & 0x3fff) << 4, (int)(bits >> 16 & 0x3fff) << 4,
                               (int)(bits >> 32 & 0x3fff) << 4, (int)(bits >> 62)};
}

/* Rows along k: 8 rows of 128 bytes are contiguous. */
static int along_k(struct descriptor d, int row, int k)
{
    return address_swizzled(d.start + row / 8 * d.stride + row % 8 * 128 + k * 2, 128);
}

/* Rows along n: 64 columns are 128 bytes, and 8 such rows of k are contiguous. */
static int along_n(struct descriptor d, int col, int k)
{
    return address_swizzled(d.start + col / 64 * d.leading + k / 8 * d.stride + k % 8 * 128 + col % 64 * 2, 128);
}

/* ---- a stage after its copies: the elements of a and b are numbers */

static int of_a(int row, int k)
{
    return 1 + row * BIT_GEMM_K + k;
}
static int of_b(int col, int k)
{
    return 1000000 + col * BIT_GEMM_K + k;
}

static int stage[BIT_GEMM_STAGE_BYTES / 2];

static void put(int to, int row, int byte, int id)
{
    const int at = address_swizzled(to + row * BIT_GEMM_ROW + byte, 128) / 2;

    EXPECT_EQ(stage[at], 0);
    stage[at] = id;
}

static int copy_rows(struct bit_gemm_copy c)
{
    EXPECT_EQ(c.to % 1024, 0);
    EXPECT_EQ(c.bytes % BIT_GEMM_ROW, 0);
    EXPECT(c.bytes / BIT_GEMM_ROW <= BOX_MAX);
    return c.bytes / BIT_GEMM_ROW;
}

static int put_a(int rank)
{
    const struct bit_gemm_copy c = bit_gemm_a_copy(rank);

    EXPECT_EQ(copy_rows(c), BIT_GEMM_A_BOX);
    for (int row = 0; row < copy_rows(c); row++)
        for (int k = 0; k < BIT_GEMM_K; k++)
            put(c.to, row, k * 2, of_a(c.row + row, k));
    return c.bytes;
}

static int put_b(bool columns)
{
    const int count = columns ? BIT_GEMM_B_COLUMNS_COPIES : BIT_GEMM_B_COPIES;
    int bytes = 0;

    for (int i = 0; i < count; i++) {
        const struct bit_gemm_copy c = columns ? bit_gemm_b_columns_copy(i) : bit_gemm_b_copy(i);

        bytes += c.bytes;
        for (int row = 0; row < copy_rows(c); row++)
            for (int e = 0; e < 64; e++)
                put(c.to, row, e * 2, columns ? of_b(c.row + e, row) : of_b(c.half * BIT_GEMM_N / 2 + c.row + row, e));
    }
    return bytes;
}

/* What a block gets: half of a from each block of the cluster, and its own b. */
static void fill_stage(bool columns)
{
    int bytes = 0;

    memset(stage, 0, sizeof stage);
    for (int from = 0; from < BIT_GEMM_CLUSTER; from++)
        bytes += put_a(from);
    EXPECT_EQ(bytes, BIT_GEMM_A_BYTES);
    EXPECT_EQ(bytes + put_b(columns), BIT_GEMM_STAGE_BYTES);
}

static long wrong_operands(bool columns)
{
    const uint64_t a = bit_gemm_descriptor(0, 16, 8 * BIT_GEMM_ROW);
    const uint64_t b = bit_gemm_descriptor(BIT_GEMM_A_BYTES, columns ? BIT_GEMM_B_BLOCK_BYTES : 16, 8 * BIT_GEMM_ROW);
    const int advance = columns ? BIT_GEMM_K_COLUMNS_ADVANCE : BIT_GEMM_K_ADVANCE;
    long wrong = 0;

    for (int step = 0; step < BIT_GEMM_K / BIT_GEMM_STEP; step++)
        for (int e = 0; e < BIT_GEMM_STEP; e++) {
            const struct descriptor at_b = decoded(b + (uint64_t)(step * advance));
            const int k = step * BIT_GEMM_STEP + e;

            for (int row = 0; row < BIT_GEMM_M; row++) {
                const struct descriptor at_a = decoded(
                    a + (uint64_t)(step * BIT_GEMM_K_ADVANCE + row / BIT_GEMM_SLAB * BIT_GEMM_SLAB_ADVANCE));
                wrong += stage[along_k(at_a, row % BIT_GEMM_SLAB, e) / 2] != of_a(row, k);
            }
            for (int col = 0; col < BIT_GEMM_N; col++)
                wrong += stage[(columns ? along_n(at_b, col, e) : along_k(at_b, col, e)) / 2] != of_b(col, k);
        }
    return wrong;
}

TEST(wgmma_reads_what_copies_wrote)
{
    for (int columns = 0; columns < 2; columns++) {
        fill_stage(columns);
        EXPECT_EQ(wrong_operands(columns), 0);
    }
}

TEST(a_descriptor_is_swizzled_by_128_bytes)
{
    const struct descriptor d = decoded(bit_gemm_descriptor(0x3a400, 8192, 1024));

    EXPECT_EQ(d.start, 0x3a400);
    EXPECT_EQ(d.leading, 8192);
    EXPECT_EQ(d.stride, 1024);
    EXPECT_EQ(d.mode, 1);
}

/* ---- what is staged */

static int piece[BIT_GEMM_SLAB * 64]; /* which sum: 1 + its row in the slab * 512 + its column */

/* stmatrix by all threads of a group; ldmatrix reads the same addresses. */
static void stage_piece(int first_col, int cols)
{
    memset(piece, 0, sizeof piece);
    for (int pair = 0; pair < cols / 16; pair++)
        for (int thread = 0; thread < BIT_GEMM_GROUP; thread++) {
            const int square = thread % 32 / 8, row = thread % 8, warp = thread / 32 * 32;
            const int at = bit_gemm_square_at(thread, pair, cols);

            for (int col = 0; col < 8; col++) { /* of the square: who has it */
                const int holder = warp + row * 4 + col / 2;
                const int sum = bit_gemm_square_sum(first_col, pair, square) + col % 2;
                const int id = 1 + bit_gemm_sum_row(holder, sum) * 512 + bit_gemm_sum_col(holder, sum);

                EXPECT_EQ(piece[at / 2 + col], 0);
                piece[at / 2 + col] = id;
            }
        }
}

/* As the copy that stores the piece reads it: contiguous rows, swizzled. */
static long wrong_piece(int first_col, int cols)
{
    long wrong = 0;

    for (int row = 0; row < BIT_GEMM_SLAB; row++)
        for (int col = 0; col < cols; col++)
            wrong += piece[address_swizzled((row * cols + col) * 2, cols * 2) / 2] != 1 + row * 512 + first_col + col;
    return wrong;
}

TEST(pieces_hold_the_sums_of_their_columns)
{
    static const int cols[] = {32, 64};

    for (size_t c = 0; c < BIT_COUNT(cols); c++)
        for (int first = 0; first + cols[c] <= BIT_GEMM_N; first += 32) {
            stage_piece(first, cols[c]);
            EXPECT_EQ(wrong_piece(first, cols[c]), 0);
        }
}

TEST(the_rows_of_a_square_are_in_different_banks)
{
    for (int cols = 32; cols <= 64; cols += 32)
        for (int pair = 0; pair < cols / 16; pair++)
            for (int thread = 0; thread < BIT_GEMM_GROUP; thread += 8) {
                int banks = 0;
                for (int i = 0; i < 8; i++)
                    banks |= 1 << bit_gemm_square_at(thread + i, pair, cols) % 128 / 16;
                EXPECT_EQ(banks, 0xff);
            }
}

/* ---- where it is stored */

#define M_MAX 1700
#define N_MAX 900
static uint8_t written[M_MAX][N_MAX];

/* One group stores one tile of m x n outputs, except what is beyond the edges. */
static void end_tile(enum bit_gemm_ending e, struct bit_gemm_place at, int m, int n)
{
    for (int i = 0; i < bit_gemm_rounds(e); i++) {
        const struct bit_gemm_round round = bit_gemm_round_at(e, i);

        EXPECT_EQ(round.row, round.slab * BIT_GEMM_SLAB);
        EXPECT(round.slab < BIT_GEMM_SLABS && round.col + bit_gemm_round_cols(e) <= bit_gemm_out_n(e));
        for (int row = 0; row < BIT_GEMM_SLAB; row++)
            for (int col = 0; col < bit_gemm_round_cols(e); col++)
                if (at.m + round.row + row < m && at.n + round.col + col < n)
                    written[at.m + round.row + row][at.n + round.col + col]++;
    }
}

static long not_once(int m, int n)
{
    long wrong = 0;

    for (int row = 0; row < m; row++)
        for (int col = 0; col < n; col++)
            wrong += written[row][col] != 1;
    return wrong;
}

/* The groups' tiles, as the kernel assigns them. */
static void end_all(enum bit_gemm_ending e, int m, int n, int clusters)
{
    const struct bit_gemm_order order = bit_gemm_order_of(e, m, n);

    memset(written, 0, sizeof written);
    for (int block = 0; block < clusters * BIT_GEMM_CLUSTER; block++)
        for (int group = 0; group < BIT_GEMM_GROUPS; group++)
            for (int64_t tile = block / BIT_GEMM_CLUSTER + group * clusters; tile < bit_gemm_tile_count(order);
                 tile += clusters * BIT_GEMM_GROUPS)
                end_tile(e, bit_gemm_block_at(e, bit_gemm_tile_at(order, tile), block % BIT_GEMM_CLUSTER), m, n);
}

TEST(every_output_is_written_once)
{
    static const int shapes[][3] = {/* m, n, clusters */
                                    {1, 8, 1},     {64, 96, 3},    {129, 200, 2}, {300, 328, 3},
                                    {900, 776, 5}, {700, 392, 66}, {1700, 520, 7}};

    for (int e = 0; e < BIT_GEMM_ENDINGS; e++)
        for (size_t i = 0; i < BIT_COUNT(shapes); i++) {
            const int *at = shapes[i];
            end_all((enum bit_gemm_ending)e, at[0], at[1], at[2]);
            EXPECT_EQ(not_once(at[0], at[1]), 0);
        }
}

/* The tiles that run at one time, 66 clusters' on an H200, are of few rows of tiles. */
TEST(tiles_are_computed_in_bands)
{
    const struct bit_gemm_order order = bit_gemm_order_of(BIT_GEMM_BACKWARD, 16384, 8192);

    for (int64_t tile = 0; tile < bit_gemm_tile_count(order); tile++) {
        const struct bit_gemm_place at = bit_gemm_tile_at(order, tile);
        EXPECT_EQ(at.m / BIT_GEMM_BAND, tile / (BIT_GEMM_BAND * order.n_tiles));
    }
}

/* Both halves of a head are sums of one thread, 32 apart, in the same row. */
TEST(a_thread_has_both_halves_of_a_head)
{
    for (int first = 0; first < BIT_GEMM_N; first += 128)
        for (int pair = 0; pair < 4; pair++)
            for (int j = 0; j < 4; j++) {
                const int i = bit_gemm_square_sum(first, pair, j), thread = 93;

                EXPECT_EQ(bit_gemm_sum_col(thread, i + 32), bit_gemm_sum_col(thread, i) + 64);
                EXPECT_EQ(bit_gemm_sum_row(thread, i + 32), bit_gemm_sum_row(thread, i));
                /* the angles that it loads are of this column and this row */
                EXPECT_EQ(bit_gemm_sum_col(thread, i), first + bit_gemm_sum_col(thread, 0) + (2 * pair + j / 2) * 8);
                EXPECT_EQ(bit_gemm_sum_row(thread, i), bit_gemm_sum_row(thread, 0) + j % 2 * 8);
            }
}

/* Up and gate of an output are sums of one thread, half of a slab's sums apart. */
TEST(a_thread_has_up_and_gate)
{
    for (int i = 0; i < BIT_GEMM_SUMS / 2; i++) {
        EXPECT_EQ(bit_gemm_sum_col(77, i + BIT_GEMM_SUMS / 2), bit_gemm_sum_col(77, i) + BIT_GEMM_N / 2);
        EXPECT_EQ(bit_gemm_sum_row(77, i + BIT_GEMM_SUMS / 2), bit_gemm_sum_row(77, i));
    }
}

TEST(sizes_fit_the_multiprocessor)
{
    for (int i = 0; i < BIT_GEMM_ENDINGS; i++) {
        const enum bit_gemm_ending e = (enum bit_gemm_ending)i;
        const int pieces = BIT_GEMM_GROUPS * BIT_GEMM_BUFFERS * bit_gemm_pieces(e) * bit_gemm_piece_bytes(e);
        const int barriers = 8 * (2 * BIT_GEMM_STAGES + 2 * BIT_GEMM_GROUPS * BIT_GEMM_BUFFERS);

        EXPECT(BIT_GEMM_STAGES * BIT_GEMM_STAGE_BYTES + pieces + barriers + 1024 <= SHARED_MAX);
        EXPECT_EQ(bit_gemm_piece_bytes(e) % 1024, 0);
        EXPECT_EQ(bit_gemm_out_n(e) % bit_gemm_round_cols(e), 0);
    }
    EXPECT(BIT_GEMM_SLABS * BIT_GEMM_SUMS <= 192); /* of a thread's 232 registers */
}

/* ---- which products are fused */

TEST(small_products_are_not_fused)
{
    const int h200 = 132;

    EXPECT(bit_gemm_pays(BIT_GEMM_SWIGLU, 16384, 8192, 2048, h200));
    EXPECT(bit_gemm_pays(BIT_GEMM_BACKWARD, 16384, 8192, 2048, h200));
    EXPECT(!bit_gemm_pays(BIT_GEMM_SWIGLU, 16384, 8192, 504, h200));
    /* 132 tiles, and 130 */
    EXPECT(bit_gemm_pays(BIT_GEMM_BACKWARD, 384, 66 * 128, 2048, h200));
    EXPECT(!bit_gemm_pays(BIT_GEMM_BACKWARD, 384, 65 * 128, 2048, h200));
    EXPECT(bit_gemm_pays(BIT_GEMM_SWIGLU, 384, 65 * 128, 2048, h200)); /* half as many outputs in a tile */
    EXPECT(!bit_gemm_pays(BIT_GEMM_SWIGLU, 192, 65 * 128, 2048, h200));
}

TEST_MAIN
