/*
 * The two threads that store what the groups have staged, one for each group, so that a group waits for nothing but
 * room to stage the next round:
 *
 *     staged  the group has written a buffer; its thread stores it
 *     ready   the buffer may be written again. In the gradient, the thread has loaded up and gate of the round that
 *             comes there next; their gradients are then written in their place
 */
#ifndef BIT_KERNELS_CUDA_BF16_GEMM_PIECES_CUH
#define BIT_KERNELS_CUDA_BF16_GEMM_PIECES_CUH

#include "kernels/cuda/gemm/bf16_gemm_plan.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* A round of one of the group's tiles. */
struct round_cursor {
    int64_t tile;
    int round;
};

template <bit_gemm_ending E> struct piece_mover {
    using P = plan<E>;
    const gemm_problem &p;
    typename P::shared *s;
    const matrices &of;
    int group, rank;

    __device__ __forceinline__ bool exists(const round_cursor &at) const
    {
        return at.tile < bit_gemm_tile_count(p.order);
    }
    __device__ __forceinline__ void advance(round_cursor *at) const
    {
        at->round++;
        if (at->round == P::rounds) {
            at->round = 0;
            at->tile += (int64_t)(gridDim.x / BIT_GEMM_CLUSTER) * BIT_GEMM_GROUPS;
        }
    }
    /* The output's first row and column. */
    __device__ __forceinline__ bit_gemm_place place_of(const round_cursor &at) const
    {
        const bit_gemm_place tile = bit_gemm_block_at(E, bit_gemm_tile_at(p.order, at.tile), rank);
        const bit_gemm_round round = bit_gemm_round_at(E, at.round);

        return {tile.m + round.row, tile.n + round.col};
    }

    /* Not loaded into the L2 cache ahead: that took longer (992 us instead of 922, OLMo-1B's 16384 tokens). */
    __device__ __forceinline__ void make_ready(int buffer, round_cursor *next) const
    {
        uint64_t *ready = &s->ready[group][buffer];

        if (E != BIT_GEMM_BACKWARD) {
            barrier_arrive_here(ready);
            return;
        }
        if (!exists(*next))
            return;
        const bit_gemm_place at = place_of(*next);
        barrier_expect(ready, P::pieces * P::piece_bytes);
        for (int half = 0; half < P::pieces; half++)
            load_box(s->piece[group][buffer][half], &of.ug, at.n, half, at.m, ready);
        advance(next);
    }

    __device__ __forceinline__ void store(int buffer, bit_gemm_place at) const
    {
        uint8_t(&piece)[P::pieces][P::piece_bytes] = s->piece[group][buffer];

        if (E == BIT_GEMM_ROPE) {
            store_box(&of.out, piece[0], at.n, 0, at.m);
            store_box(&of.out, piece[1], at.n + P::piece_cols, 0, at.m);
        } else {
            store_box(&of.ug_out, piece[0], at.n, 0, at.m);
            store_box(&of.ug_out, piece[1], at.n, 1, at.m);
        }
        if (E == BIT_GEMM_SWIGLU)
            store_box(&of.out, piece[P::pieces - 1], at.n, 0, at.m);
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    }

    __device__ __forceinline__ void run() const
    {
        const int64_t clusters = gridDim.x / BIT_GEMM_CLUSTER;
        round_cursor now = {blockIdx.x / BIT_GEMM_CLUSTER + group * clusters, 0}, next = now;
        ring<BIT_GEMM_BUFFERS> r = {0, 0};

#pragma unroll 1
        for (int i = 0; i < BIT_GEMM_BUFFERS; i++)
            make_ready(i, &next);
#pragma unroll 1
        for (; exists(now); advance(&now), r.advance()) {
            barrier_wait(&s->staged[group][r.at], r.parity);
            store(r.at, place_of(now));
            stores_have_read();
            make_ready(r.at, &next);
        }
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
};

#endif
#endif
