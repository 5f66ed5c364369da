/*
 * The fused bf16 product on Hopper. A persistent block computes one tile after the other. One thread loads 64 of k at a
 * time into a ring of stages in shared memory (TMA), and two groups of four warps take turns: while one multiplies its
 * tile (wgmma), the other computes the outputs of its own, which a thread for each group stores. What follows the
 * product then takes no time of its own, unless it takes longer than the sums. gemm_layout.h has the layout.
 *
 * The two blocks of a cluster need the same rows of a: each loads half of them for both, and a stage is free when both
 * blocks have multiplied it.
 */
#ifndef BIT_KERNELS_CUDA_BF16_GEMM_CUH
#define BIT_KERNELS_CUDA_BF16_GEMM_CUH

#include "kernels/cuda/gemm/bf16_gemm.h"
#include "kernels/cuda/gemm/bf16_gemm_ending.cuh"
#include "kernels/cuda/gemm/bf16_gemm_pieces.cuh"
#include "kernels/cuda/gemm/bf16_gemm_plan.cuh"
#include "kernels/cuda/gemm/wgmma_bf16.cuh"
extern "C" {
#include "proto/check.h"
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* ---- the thread that loads operands */

template <bit_gemm_ending E>
static __device__ __forceinline__ void load_stage(typename plan<E>::shared *s, const ring<BIT_GEMM_STAGES> &r,
                                                  const matrices &of, int k, bit_gemm_place at, int rank)
{
    uint8_t *to = s->stage[r.at];
    uint64_t *full = &s->full[r.at];

    barrier_wait(&s->empty[r.at], r.parity ^ 1);
    barrier_expect(full, BIT_GEMM_STAGE_BYTES);
    const bit_gemm_copy a = bit_gemm_a_copy(rank);
    load_box_for_both(to + a.to, &of.a, k, at.m + a.row, 0, full);
    if constexpr (plan<E>::columns) {
#pragma unroll
        for (int i = 0; i < BIT_GEMM_B_COLUMNS_COPIES; i++) {
            const bit_gemm_copy b = bit_gemm_b_columns_copy(i);
            load_box(to + b.to, &of.b, at.n + b.row, k, 0, full);
        }
    } else {
#pragma unroll
        for (int i = 0; i < BIT_GEMM_B_COPIES; i++) {
            const bit_gemm_copy b = bit_gemm_b_copy(i);
            if (E == BIT_GEMM_SWIGLU)
                load_box(to + b.to, &of.b, k, at.n, b.half, full);
            else
                load_box(to + b.to, &of.b, k, at.n + b.half * (BIT_GEMM_N / 2), 0, full);
        }
    }
}

template <bit_gemm_ending E>
static __device__ __forceinline__ void produce(const gemm_problem &p, typename plan<E>::shared *s, const matrices &of,
                                               int rank)
{
    const int64_t clusters = gridDim.x / BIT_GEMM_CLUSTER;
    ring<BIT_GEMM_STAGES> r = {0, 0};

    for (int64_t tile = blockIdx.x / BIT_GEMM_CLUSTER; tile < bit_gemm_tile_count(p.order); tile += clusters) {
        const bit_gemm_place at = bit_gemm_block_at(E, bit_gemm_tile_at(p.order, tile), rank);
        for (int step = 0; step < p.steps; step++, r.advance())
            load_stage<E>(s, r, of, step * BIT_GEMM_K, at, rank);
    }
    for (int i = 0; i < BIT_GEMM_STAGES; i++, r.advance())
        barrier_wait(&s->empty[r.at], r.parity ^ 1); /* traps if a group is stuck: the groups' own waits do not */
}

/* ---- products */

template <bit_gemm_ending E, bool FIRST>
static __device__ __forceinline__ void multiply_stage(const uint8_t *stage, float (&d)[BIT_GEMM_SLABS][BIT_GEMM_SUMS])
{
    constexpr bool columns = plan<E>::columns;
    constexpr int advance = columns ? BIT_GEMM_K_COLUMNS_ADVANCE : BIT_GEMM_K_ADVANCE;
    const uint64_t a = bit_gemm_descriptor(address_of(stage), 16, 8 * BIT_GEMM_ROW);
    const uint64_t b = bit_gemm_descriptor(address_of(stage + BIT_GEMM_A_BYTES), columns ? BIT_GEMM_B_BLOCK_BYTES : 16,
                                           8 * BIT_GEMM_ROW);

#pragma unroll
    for (int k = 0; k < BIT_GEMM_K / BIT_GEMM_STEP; k++)
#pragma unroll
        for (int slab = 0; slab < BIT_GEMM_SLABS; slab++)
            wgmma_bf16<columns>(d[slab], a + k * BIT_GEMM_K_ADVANCE + slab * BIT_GEMM_SLAB_ADVANCE, b + k * advance,
                                !FIRST || k > 0);
}

/*
 * The groups take turns: a group waits for its first stage only after the other has seen its last stage filled. A
 * barrier distinguishes a phase from the next one, but not from the one after that: the group would take the stage for
 * full one round too early.
 */
static __device__ __forceinline__ void await_turn(int group)
{
    asm volatile("bar.sync %0, %1;" ::"r"(1 + BIT_GEMM_GROUPS + group), "n"(BIT_GEMM_GROUPS * BIT_GEMM_GROUP)
                 : "memory");
}
static __device__ __forceinline__ void give_turn(int group)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(1 + BIT_GEMM_GROUPS + group), "n"(BIT_GEMM_GROUPS * BIT_GEMM_GROUP)
                 : "memory");
}

/* The sums of one tile; `more`: the other group has a tile after it. A stage is released when the products that read it
 * are complete, one step after their issue. */
template <bit_gemm_ending E>
static __device__ __forceinline__ void multiply_tile(const gemm_problem &p, typename plan<E>::shared *s,
                                                     ring<BIT_GEMM_STAGES> &r, int group, bool more,
                                                     float (&d)[BIT_GEMM_SLABS][BIT_GEMM_SUMS])
{
    const unsigned lane = threadIdx.x % BIT_WARP;
    int before;

    await_turn(group);
    barrier_wait_without_trap(&s->full[r.at], r.parity);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    multiply_stage<E, true>(s->stage[r.at], d);
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    before = r.at;
    r.advance();
    for (int step = 1; step < p.steps; step++, r.advance()) {
        barrier_wait_without_trap(&s->full[r.at], r.parity);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
        multiply_stage<E, false>(s->stage[r.at], d);
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
        if (lane < BIT_GEMM_CLUSTER)
            barrier_arrive(&s->empty[before], lane);
        before = r.at;
    }
    if (more)
        give_turn(group ^ 1);
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (lane < BIT_GEMM_CLUSTER)
        barrier_arrive(&s->empty[before], lane);
}

template <bit_gemm_ending E>
static __device__ __forceinline__ void consume(const gemm_problem &p, typename plan<E>::shared *s, int group, int rank)
{
    const int64_t clusters = gridDim.x / BIT_GEMM_CLUSTER, tiles = bit_gemm_tile_count(p.order);
    ending_state<E> e = {s, p, group, (int)threadIdx.x % BIT_GEMM_GROUP, {0, 0}};
    ring<BIT_GEMM_STAGES> r = {0, 0};
    int64_t tile = blockIdx.x / BIT_GEMM_CLUSTER;

    if (group == 1) {
        give_turn(0); /* the first tile */
        r.advance(p.steps);
        tile += clusters;
    }
    for (; tile < tiles; tile += clusters * BIT_GEMM_GROUPS) {
        const bit_gemm_place at = bit_gemm_block_at(E, bit_gemm_tile_at(p.order, tile), rank);
        float d[BIT_GEMM_SLABS][BIT_GEMM_SUMS];

        multiply_tile<E>(p, s, r, group, tile + clusters < tiles, d);
        end_tile<E>(e, at, d);
        r.advance(p.steps); /* the other group's tile */
    }
}

#endif

template <bit_gemm_ending E>
static __global__ void __launch_bounds__(THREADS, 1)
    bf16_gemm(const __grid_constant__ matrices of, const __grid_constant__ gemm_problem p)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    using shared = typename plan<E>::shared;
    extern __shared__ unsigned char memory[];
    shared *s = reinterpret_cast<shared *>(memory + (ALIGNMENT - address_of(memory) % ALIGNMENT) % ALIGNMENT);
    const int rank = (int)cluster_rank(), group = threadIdx.x / BIT_GEMM_GROUP;

    if (threadIdx.x == 0) {
        for (int i = 0; i < BIT_GEMM_STAGES; i++) {
            barrier_init(&s->full[i], 1);
            barrier_init(&s->empty[i], BIT_GEMM_CLUSTER * BIT_GEMM_GROUP / BIT_WARP);
        }
        for (int i = 0; i < BIT_GEMM_GROUPS * BIT_GEMM_BUFFERS; i++) {
            barrier_init(&s->ready[0][0] + i, 1);
            barrier_init(&s->staged[0][0] + i, BIT_GEMM_GROUP / BIT_WARP);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    cluster_barrier(); /* no copy and no arrival before the barriers of both blocks are initialised */
    if (group == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
        if (threadIdx.x == 0)
            produce<E>(p, s, of, rank);
        else if (threadIdx.x == BIT_WARP || threadIdx.x == 2 * BIT_WARP)
            piece_mover<E>{p, s, of, (int)threadIdx.x / BIT_WARP - 1, rank}.run();
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
        consume<E>(p, s, group - 1, rank);
    }
    __syncwarp();
    cluster_barrier(); /* until here the other block may still arrive at this block's barriers */
#endif
}

/* ---- host */

/* A matrix, or the two halves of its rows, in boxes of box[0] x box[1] x box[2] elements. */
struct cut {
    int64_t dims[3], strides[2]; /* strides of the second and third dimension, in elements */
    int box[3], swizzle_bytes;
};

static int encode(CUtensorMap *map, const void *matrix, const cut &c)
{
    const cuuint64_t dims[3] = {(cuuint64_t)c.dims[0], (cuuint64_t)c.dims[1], (cuuint64_t)c.dims[2]};
    const cuuint64_t strides[2] = {(cuuint64_t)c.strides[0] * 2, (cuuint64_t)c.strides[1] * 2};
    const cuuint32_t box[3] = {(cuuint32_t)c.box[0], (cuuint32_t)c.box[1], (cuuint32_t)c.box[2]}, steps[3] = {1, 1, 1};
    PFN_cuTensorMapEncodeTiled_v12000 encoder = nullptr;
    int err = find_encoder(&encoder);

    if (err < 0)
        return err;
    const CUresult result = encoder(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void *>(matrix), dims, strides,
                                    box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                    c.swizzle_bytes == 128 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B,
                                    CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS)
        return bit_fail(BIT_ECUDA, "cuTensorMapEncodeTiled of %lld x %lld x %lld: %d", (long long)c.dims[2],
                        (long long)c.dims[1], (long long)c.dims[0], (int)result);
    return 0;
}

template <bit_gemm_ending E> static int encode_all(matrices *out, const bit_bf16_gemm_args *args)
{
    constexpr int width = plan<E>::piece_cols, swizzle = width * 2;
    const int64_t m = args->m, n = args->n, k = args->k;
    const cut a = {{k, m, 1}, {k, m * k}, {BIT_GEMM_K, BIT_GEMM_A_BOX, 1}, 128};
    const cut b_rows = {{k, n, E == BIT_GEMM_SWIGLU ? 2 : 1}, {k, n * k}, {BIT_GEMM_K, BIT_GEMM_N / 2, 1}, 128};
    const cut b_columns = {{n, k, 1}, {n, n * k}, {64, BIT_GEMM_K, 1}, 128};
    const cut halves = {{n, 2, m}, {n, 2 * n}, {width, 1, BIT_GEMM_SLAB}, swizzle};
    const cut whole = {{n, 1, m}, {n, n}, {width, 1, BIT_GEMM_SLAB}, swizzle};
    int err = encode(&out->a, args->a, a);

    if (err >= 0)
        err = encode(&out->b, args->b, plan<E>::columns ? b_columns : b_rows);
    if (err >= 0 && E == BIT_GEMM_BACKWARD)
        err = encode(&out->ug, args->ug, halves);
    if (err >= 0 && E != BIT_GEMM_ROPE)
        err = encode(&out->ug_out, args->ug_out, halves);
    if (err >= 0 && E != BIT_GEMM_BACKWARD)
        err = encode(&out->out, args->out, whole);
    return err;
}

template <bit_gemm_ending E> static int launch(const bit_exec *exec, const bit_bf16_gemm_args *args)
{
    constexpr int shared_bytes = plan<E>::shared_bytes;
    const gemm_problem p = {
        (int)((args->k + BIT_GEMM_K - 1) / BIT_GEMM_K),
        bit_gemm_order_of(E, args->m, args->n),
        reinterpret_cast<const float2 *>(args->cos_sin),
        (int)args->time,
        (int)(args->n / 3 * 2),
    };
    const int64_t clusters = BIT_MIN(bit_gemm_tile_count(p.order), (int64_t)(exec->gpu->sm_count / BIT_GEMM_CLUSTER));
    cudaLaunchAttribute cluster = {};
    cudaLaunchConfig_t config = {};
    matrices of = {};
    int err = encode_all<E>(&of, args);

    if (err >= 0)
        err = bit_gpu_try(
            cudaFuncSetAttribute(bf16_gemm<E>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
    if (err < 0)
        return err;
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = BIT_GEMM_CLUSTER;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    config.gridDim = dim3((unsigned)(clusters * BIT_GEMM_CLUSTER));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = exec->gpu->stream;
    config.attrs = &cluster;
    config.numAttrs = 1;
    return bit_gpu_try(cudaLaunchKernelEx(&config, bf16_gemm<E>, of, p));
}

#endif
