/*
 * The endings of the fused bf16 product: from sums to staged outputs. A group stages 64 rows by 32 or 64 columns of
 * each output at a time, written to shared memory as bf16 (stmatrix); bf16_gemm_pieces.cuh stores them from there.
 */
#ifndef BIT_KERNELS_CUDA_BF16_GEMM_ENDING_CUH
#define BIT_KERNELS_CUDA_BF16_GEMM_ENDING_CUH

#include "kernels/cuda/gemm/bf16_gemm_plan.cuh"
#include "kernels/cuda/swiglu.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* Two bf16 in a word, the first in the low half. */
static __device__ __forceinline__ unsigned two_bf16(float first, float second)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);

    return *reinterpret_cast<const unsigned *>(&pair);
}
static __device__ __forceinline__ float2 two_floats(unsigned word)
{
    return {__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u)};
}

static __device__ __forceinline__ void store_squares(uint8_t *to, const unsigned (&word)[4])
{
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address_of(to)), "r"(word[0]),
                 "r"(word[1]), "r"(word[2]), "r"(word[3])
                 : "memory");
}
static __device__ __forceinline__ void load_squares(unsigned (&word)[4], const uint8_t *from)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "r"(address_of(from))
                 : "memory");
}

/* Where a group stages its next round. */
template <bit_gemm_ending E> struct ending_state {
    typename plan<E>::shared *s;
    const gemm_problem &p;
    int group, thread;
    ring<BIT_GEMM_BUFFERS> r; /* the buffer of the round in turn */

    __device__ __forceinline__ uint8_t *begin_round() const
    {
        barrier_wait_without_trap(&s->ready[group][r.at], r.parity);
        return s->piece[group][r.at][0];
    }
    __device__ __forceinline__ void end_round()
    {
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); /* before copies read the pieces */
        __syncwarp();
        if (thread % BIT_WARP == 0)
            barrier_arrive_here(&s->staged[group][r.at]);
        r.advance();
    }
};

/* ---- SwiGLU and its gradient */

template <bit_gemm_ending E>
static __device__ __forceinline__ void stage_squares(const float (&d)[BIT_GEMM_SUMS], int first_col, int pair,
                                                     uint8_t *at)
{
    constexpr int piece = plan<E>::piece_bytes;
    unsigned up[4], gate[4], out[4];

    if (E == BIT_GEMM_BACKWARD) {
        load_squares(up, at);
        load_squares(gate, at + piece);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int i = bit_gemm_square_sum(first_col, pair, j);
        if (E == BIT_GEMM_SWIGLU) {
            const int far = i + BIT_GEMM_SUMS / 2; /* BIT_GEMM_N / 2 columns further */
            up[j] = two_bf16(d[i], d[i + 1]);
            gate[j] = two_bf16(d[far], d[far + 1]);
        }
        const float2 u = two_floats(up[j]), g = two_floats(gate[j]);
        if (E == BIT_GEMM_SWIGLU)
            out[j] = two_bf16(bit_swiglu_value(u.x, g.x), bit_swiglu_value(u.y, g.y));
        if (E == BIT_GEMM_BACKWARD) {
            const float2 dy = two_floats(two_bf16(d[i], d[i + 1]));
            const float2 x = bit_swiglu_gradient(u.x, g.x, dy.x), y = bit_swiglu_gradient(u.y, g.y, dy.y);
            up[j] = two_bf16(x.x, y.x);
            gate[j] = two_bf16(x.y, y.y);
        }
    }
    store_squares(at, up);
    store_squares(at + piece, gate);
    if (E == BIT_GEMM_SWIGLU)
        store_squares(at + 2 * piece, out);
}

/* ---- the rotation */

#define HALF_HEAD 64

/* Cosine and sine of a column and of the next one, for each of a pair's squares. */
struct pair_angles {
    float4 of[4];
};

/* Four independent loads, so that their latencies overlap. */
static __device__ __forceinline__ pair_angles load_angles(const float2 *angles, int upper, int lower, int pair)
{
    pair_angles turn;

#pragma unroll
    for (int j = 0; j < 4; j++) {
        const float2 *at = angles + (j % 2 ? lower : upper) + (2 * pair + j / 2) * 8;
        asm volatile("ld.global.nc.L1::evict_last.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(turn.of[j].x), "=f"(turn.of[j].y), "=f"(turn.of[j].z), "=f"(turn.of[j].w)
                     : "l"(at));
    }
    return turn;
}

/* Columns of a head (x1) and those half a head further (x2), each rounded to bf16 first: x1 cos - x2 sin and
 * x2 cos + x1 sin. */
template <bool ROTATES>
static __device__ __forceinline__ void stage_rotated(const float (&d)[BIT_GEMM_SUMS], int first_col, int pair,
                                                     const pair_angles &turns, uint8_t *at)
{
    unsigned first[4], second[4];

#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int i = bit_gemm_square_sum(first_col, pair, j), far = i + HALF_HEAD / 2;
        first[j] = two_bf16(d[i], d[i + 1]);
        second[j] = two_bf16(d[far], d[far + 1]);
        if (!ROTATES)
            continue;
        const float4 turn = turns.of[j];
        const float2 x1 = two_floats(first[j]), x2 = two_floats(second[j]);
        first[j] = two_bf16(x1.x * turn.x - x2.x * turn.y, x1.y * turn.z - x2.y * turn.w);
        second[j] = two_bf16(x2.x * turn.x + x1.x * turn.y, x2.y * turn.z + x1.y * turn.w);
    }
    store_squares(at, first);
    store_squares(at + plan<BIT_GEMM_ROPE>::piece_bytes, second);
}

/* Loads the next pair's angles while this pair's are used. */
template <bool ROTATES>
static __device__ __forceinline__ void stage_head_pairs(const ending_state<BIT_GEMM_ROPE> &e,
                                                        const bit_gemm_round &round, int upper, int lower,
                                                        const float (&d)[BIT_GEMM_SUMS], uint8_t *piece)
{
    constexpr int cols = plan<BIT_GEMM_ROPE>::piece_cols, pairs = cols / 16;
    pair_angles turns = {};

    if (ROTATES)
        turns = load_angles(e.p.angles, upper, lower, 0);
#pragma unroll
    for (int pair = 0; pair < pairs; pair++) {
        const pair_angles now = turns;
        if (ROTATES && pair + 1 < pairs)
            turns = load_angles(e.p.angles, upper, lower, pair + 1);
        stage_rotated<ROTATES>(d, round.col, pair, now, piece + bit_gemm_square_at(e.thread, pair, cols));
    }
}

static __device__ __forceinline__ void stage_head(const ending_state<BIT_GEMM_ROPE> &e, bit_gemm_place at,
                                                  const bit_gemm_round &round, const float (&d)[BIT_GEMM_SUMS],
                                                  uint8_t *piece)
{
    const int row = at.m + round.row + bit_gemm_sum_row(e.thread, 0), col = bit_gemm_sum_col(e.thread, 0);
    const int upper = row % e.p.time * HALF_HEAD + col, lower = (row + 8) % e.p.time * HALF_HEAD + col;

    if (at.n + round.col < e.p.rotated)
        stage_head_pairs<true>(e, round, upper, lower, d, piece);
    else
        stage_head_pairs<false>(e, round, upper, lower, d, piece);
}

/* ---- a tile */

template <bit_gemm_ending E>
static __device__ __forceinline__ void end_tile(ending_state<E> &e, bit_gemm_place at,
                                                const float (&d)[BIT_GEMM_SLABS][BIT_GEMM_SUMS])
{
    using P = plan<E>;

#pragma unroll
    for (int i = 0; i < P::rounds; i++) {
        const bit_gemm_round round = bit_gemm_round_at(E, i);
        uint8_t *piece = e.begin_round();

        if constexpr (E == BIT_GEMM_ROPE) {
            stage_head(e, at, round, d[round.slab], piece);
        } else {
#pragma unroll
            for (int pair = 0; pair < P::piece_cols / 16; pair++)
                stage_squares<E>(d[round.slab], round.col, pair,
                                 piece + bit_gemm_square_at(e.thread, pair, P::piece_cols));
        }
        e.end_round();
    }
}

#endif
#endif
