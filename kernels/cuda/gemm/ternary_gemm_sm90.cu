/*
 * y = (q w^T) unit on Hopper. A persistent block computes one tile of 128 x 256 after the other. One thread loads 128
 * bytes of k at a time into a ring of stages in shared memory (TMA). Two groups of four warps multiply the stages, 64
 * rows each (wgmma), then scale and store the sums while the next tile's first stages are being loaded.
 *
 * Two blocks on neighbouring multiprocessors (a cluster) compute tiles one above the other, which need the same rows of
 * w. Each block loads half of these for both, which saves a third of the reads of the L2 cache. A stage is free when
 * both blocks have multiplied it, since the copies of either block write to both.
 *
 * Rows of a stage are 128 contiguous bytes, in the swizzle that TMA and wgmma share: the tile begins at a multiple of
 * 1024 bytes, and a step of 32 bytes along k is a step of 32 bytes in the address.
 */
#include "kernels/cuda/gemm/hopper.cuh"
#include "kernels/cuda/gemm/ternary_gemm.cuh"

#define TILE_M    128
#define TILE_N    256
#define TILE_K    128 /* bytes of a stage's rows */
#define STAGES    4
#define GROUP     128 /* threads that issue a wgmma together */
#define CONSUMERS 2   /* such groups; one more group loads the tiles */
#define THREADS   (GROUP * (1 + CONSUMERS))
#define GROUP_M   (TILE_M / CONSUMERS)
#define WGMMA_K   32
#define SUMS      (GROUP_M * TILE_N / GROUP) /* per thread */
#define BLOCKS_2  2                          /* in a cluster */
#define ALIGNMENT 1024
#define VECTOR    16 /* bytes: the alignment of rows and addresses that TMA needs, and the size of a store */

struct stage {
    int8_t q[TILE_M * TILE_K], w[TILE_N * TILE_K];
};
struct shared {
    stage stages[STAGES];
    uint64_t full[STAGES], empty[STAGES];
};
#define SHARED_BYTES (sizeof(shared) + ALIGNMENT)

struct problem {
    int m, n, steps; /* steps of TILE_K that cover k */
    const float *x_scale;
    column_segments segments;
    const float *addend;
    void *y;
    tile_order order; /* of the clusters' tiles */
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* ---- tiles from global memory; zeros beyond the edges */

static __device__ __forceinline__ void load_tile(int8_t *to, const CUtensorMap *from, int byte, int row, uint64_t *full)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
                 "[%4];" ::"r"(address_of(to)),
                 "l"(from), "r"(byte), "r"(row), "r"(address_of(full))
                 : "memory");
}

/* To the same address in both blocks, signalled to the same barrier in each. */
static __device__ __forceinline__ void load_tile_for_both(int8_t *to, const CUtensorMap *from, int byte, int row,
                                                          uint64_t *full)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
                 "[%1, {%2, %3}], [%4], %5;" ::"r"(address_of(to)),
                 "l"(from), "r"(byte), "r"(row), "r"(address_of(full)), "h"((uint16_t)((1 << BLOCKS_2) - 1))
                 : "memory");
}

template <int CLUSTER>
static __device__ __forceinline__ void load_stage(shared *s, const ring<STAGES> &r, const CUtensorMap *q,
                                                  const CUtensorMap *w, int byte, int m0, int n0, unsigned rank)
{
    stage *to = &s->stages[r.at];

    barrier_wait(&s->empty[r.at], r.parity ^ 1);
    barrier_expect(&s->full[r.at], sizeof(stage));
    load_tile(to->q, q, byte, m0, &s->full[r.at]);
    if (CLUSTER == 1)
        load_tile(to->w, w, byte, n0, &s->full[r.at]);
    else
        load_tile_for_both(to->w + rank * (TILE_N / CLUSTER) * TILE_K, w, byte, n0 + (int)rank * (TILE_N / CLUSTER),
                           &s->full[r.at]);
}

template <int CLUSTER>
static __device__ __forceinline__ void produce(const problem &p, shared *s, const CUtensorMap *q, const CUtensorMap *w,
                                               unsigned rank)
{
    ring<STAGES> r = {0, 0};

    for (int64_t tile = blockIdx.x / CLUSTER; tile < p.order.count(); tile += gridDim.x / CLUSTER) {
        int m, n;
        p.order.at(tile, &m, &n);
        for (int step = 0; step < p.steps; step++, r.advance())
            load_stage<CLUSTER>(s, r, q, w, step * TILE_K, (m * CLUSTER + (int)rank) * TILE_M, n * TILE_N, rank);
    }
}

/* ---- products */

/* The descriptor of rows of 128 bytes, in groups of eight rows 1024 bytes apart, with 128-byte swizzle. */
static __device__ __forceinline__ uint64_t descriptor_of(const int8_t *tile)
{
    return (uint64_t)((address_of(tile) & 0x3ffff) >> 4) | (uint64_t)1 << 16 | (uint64_t)(1024 >> 4) << 32 |
           (uint64_t)1 << 62;
}

/* d = q w^T, or d += q w^T with `add`, over 32 bytes of k: 64 rows of q, 256 of w. */
static __device__ __forceinline__ void wgmma(int (&d)[SUMS], uint64_t q, uint64_t w, int add)
{
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n256k32.s32.s8.s8 "
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15,"
                 " %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31,"
                 " %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47,"
                 " %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63,"
                 " %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79,"
                 " %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95,"
                 " %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111,"
                 " %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
                 "%128, %129, p;\n}"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]), "+r"(d[4]), "+r"(d[5]), "+r"(d[6]), "+r"(d[7]),
                   "+r"(d[8]), "+r"(d[9]), "+r"(d[10]), "+r"(d[11]), "+r"(d[12]), "+r"(d[13]), "+r"(d[14]), "+r"(d[15]),
                   "+r"(d[16]), "+r"(d[17]), "+r"(d[18]), "+r"(d[19]), "+r"(d[20]), "+r"(d[21]), "+r"(d[22]),
                   "+r"(d[23]), "+r"(d[24]), "+r"(d[25]), "+r"(d[26]), "+r"(d[27]), "+r"(d[28]), "+r"(d[29]),
                   "+r"(d[30]), "+r"(d[31]), "+r"(d[32]), "+r"(d[33]), "+r"(d[34]), "+r"(d[35]), "+r"(d[36]),
                   "+r"(d[37]), "+r"(d[38]), "+r"(d[39]), "+r"(d[40]), "+r"(d[41]), "+r"(d[42]), "+r"(d[43]),
                   "+r"(d[44]), "+r"(d[45]), "+r"(d[46]), "+r"(d[47]), "+r"(d[48]), "+r"(d[49]), "+r"(d[50]),
                   "+r"(d[51]), "+r"(d[52]), "+r"(d[53]), "+r"(d[54]), "+r"(d[55]), "+r"(d[56]), "+r"(d[57]),
                   "+r"(d[58]), "+r"(d[59]), "+r"(d[60]), "+r"(d[61]), "+r"(d[62]), "+r"(d[63]), "+r"(d[64]),
                   "+r"(d[65]), "+r"(d[66]), "+r"(d[67]), "+r"(d[68]), "+r"(d[69]), "+r"(d[70]), "+r"(d[71]),
                   "+r"(d[72]), "+r"(d[73]), "+r"(d[74]), "+r"(d[75]), "+r"(d[76]), "+r"(d[77]), "+r"(d[78]),
                   "+r"(d[79]), "+r"(d[80]), "+r"(d[81]), "+r"(d[82]), "+r"(d[83]), "+r"(d[84]), "+r"(d[85]),
                   "+r"(d[86]), "+r"(d[87]), "+r"(d[88]), "+r"(d[89]), "+r"(d[90]), "+r"(d[91]), "+r"(d[92]),
                   "+r"(d[93]), "+r"(d[94]), "+r"(d[95]), "+r"(d[96]), "+r"(d[97]), "+r"(d[98]), "+r"(d[99]),
                   "+r"(d[100]), "+r"(d[101]), "+r"(d[102]), "+r"(d[103]), "+r"(d[104]), "+r"(d[105]), "+r"(d[106]),
                   "+r"(d[107]), "+r"(d[108]), "+r"(d[109]), "+r"(d[110]), "+r"(d[111]), "+r"(d[112]), "+r"(d[113]),
                   "+r"(d[114]), "+r"(d[115]), "+r"(d[116]), "+r"(d[117]), "+r"(d[118]), "+r"(d[119]), "+r"(d[120]),
                   "+r"(d[121]), "+r"(d[122]), "+r"(d[123]), "+r"(d[124]), "+r"(d[125]), "+r"(d[126]), "+r"(d[127])
                 : "l"(q), "l"(w), "r"(add));
}

/* The sums of one tile. A stage is released when the products that read it are complete, one step after their issue. */
template <int CLUSTER>
static __device__ __forceinline__ void multiply_tile(const problem &p, shared *s, ring<STAGES> &r, int group,
                                                     int (&d)[SUMS])
{
    const unsigned lane = threadIdx.x % BIT_WARP;
    int before = 0;

    for (int step = 0; step < p.steps; step++, r.advance()) {
        barrier_wait(&s->full[r.at], r.parity);
        const uint64_t q = descriptor_of(s->stages[r.at].q + group * GROUP_M * TILE_K);
        const uint64_t w = descriptor_of(s->stages[r.at].w);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
        for (int k = 0; k < TILE_K / WGMMA_K; k++)
            wgmma(d, q + k * (WGMMA_K >> 4), w + k * (WGMMA_K >> 4), step > 0 || k > 0);
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        if (step > 0) {
            asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
            if (lane < CLUSTER)
                barrier_arrive(&s->empty[before], lane);
        }
        before = r.at;
    }
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (lane < CLUSTER)
        barrier_arrive(&s->empty[before], lane);
}

/* ---- sums to y
 *
 * Of every 8 columns a thread holds the two at 2 (lane % 4), in rows lane / 4 and lane / 4 + 8 of its warp's 16. The
 * four lanes of a row exchange values, so that each stores 16 contiguous bytes.
 */

struct units {
    float of_segment[BIT_SEGMENTS_MAX];
};

/* The unit of a column. ONE: the tile is within one segment. */
template <bool ONE>
static __device__ __forceinline__ float unit_at(const column_segments &segments, const units &u, int col)
{
    if (ONE)
        return u.of_segment[0];
    return col < segments.ends[0] ? u.of_segment[0] : col < segments.ends[1] ? u.of_segment[1] : u.of_segment[2];
}

/* Transposes 4 x 4 words over four lanes: lane l passes row l and gets column l. */
static __device__ __forceinline__ uint4 turn(unsigned w0, unsigned w1, unsigned w2, unsigned w3)
{
    const bool odd = threadIdx.x & 1, upper = threadIdx.x & 2;
    const unsigned a = __shfl_xor_sync(0xffffffffu, odd ? w0 : w1, 1);
    const unsigned b = __shfl_xor_sync(0xffffffffu, odd ? w2 : w3, 1);
    const unsigned x0 = odd ? a : w0, x1 = odd ? w1 : a, y0 = odd ? b : w2, y1 = odd ? w3 : b;
    const unsigned c = __shfl_xor_sync(0xffffffffu, upper ? x0 : y0, 2);
    const unsigned d = __shfl_xor_sync(0xffffffffu, upper ? x1 : y1, 2);

    return upper ? make_uint4(c, d, y0, y1) : make_uint4(x0, x1, c, d);
}

template <bool ONE>
static __device__ __forceinline__ unsigned two_bf16(const problem &p, const units &u, int col, int first, int second)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(__fmul_rn((float)first, unit_at<ONE>(p.segments, u, col)),
                                                      __fmul_rn((float)second, unit_at<ONE>(p.segments, u, col + 1)));

    return *reinterpret_cast<const unsigned *>(&pair);
}

/* Stores row `row`, the thread's upper (h = 0) or lower (1) one, starting at column n0. */
template <bool ONE>
static __device__ __forceinline__ void store_row(const problem &p, const units &u, const int (&d)[SUMS], int h, int row,
                                                 int n0, __nv_bfloat16 *y)
{
    const int quarter = threadIdx.x % 4;

#pragma unroll
    for (int j = 0; j < SUMS / 4; j += 4) {
        unsigned word[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            word[i] = two_bf16<ONE>(p, u, n0 + (j + i) * 8 + quarter * 2, d[(j + i) * 4 + h * 2],
                                    d[(j + i) * 4 + h * 2 + 1]);
        const uint4 eight = turn(word[0], word[1], word[2], word[3]);
        const int col = n0 + (j + quarter) * 8;
        if (row < p.m && col < p.n)
            *reinterpret_cast<uint4 *>(y + (int64_t)row * p.n + col) = eight;
    }
}

/* The same in f32; even lanes store the first of two groups of 8 columns, odd lanes the second. The addend is loaded
 * for several stores at once, because it may be y itself and the compiler cannot move its loads before earlier stores.
 * Without an addend 0 is added, which changes no bit of these products. */
template <bool ONE>
static __device__ __forceinline__ void store_row(const problem &p, const units &u, const int (&d)[SUMS], int h, int row,
                                                 int n0, float *y)
{
    constexpr int BATCH = 8;
    const bool odd = threadIdx.x & 1;
    const int col0 = n0 + odd * 8 + (threadIdx.x & 2) * 2;
    const int64_t at = (int64_t)row * p.n + col0;

#pragma unroll
    for (int j = 0; j < SUMS / 4; j += 2 * BATCH) {
        float4 value[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            const int on = (j + 2 * i) * 8;
            value[i] = p.addend != nullptr && row < p.m && col0 + on < p.n
                           ? *reinterpret_cast<const float4 *>(p.addend + at + on)
                           : float4{};
        }
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            const int *first = &d[(j + 2 * i) * 4 + h * 2], *second = first + 4, on = (j + 2 * i) * 8;
            const int c0 = __shfl_xor_sync(0xffffffffu, odd ? first[0] : second[0], 1);
            const int c1 = __shfl_xor_sync(0xffffffffu, odd ? first[1] : second[1], 1);
            const int col = col0 + on;
            value[i].x = __fmaf_rn((float)(odd ? c0 : first[0]), unit_at<ONE>(p.segments, u, col), value[i].x);
            value[i].y = __fmaf_rn((float)(odd ? c1 : first[1]), unit_at<ONE>(p.segments, u, col + 1), value[i].y);
            value[i].z = __fmaf_rn((float)(odd ? second[0] : c0), unit_at<ONE>(p.segments, u, col + 2), value[i].z);
            value[i].w = __fmaf_rn((float)(odd ? second[1] : c1), unit_at<ONE>(p.segments, u, col + 3), value[i].w);
            if (row < p.m && col < p.n)
                *reinterpret_cast<float4 *>(y + at + on) = value[i];
        }
    }
}

/* Loads the addend into the L2 cache while the sums are computed. */
static __device__ __forceinline__ void prefetch_addend(const problem &p, int m0, int n0)
{
    constexpr int LINE = 32; /* floats */

    for (int i = threadIdx.x - GROUP; i < TILE_M * (TILE_N / LINE); i += CONSUMERS * GROUP) {
        const int row = m0 + i / (TILE_N / LINE), col = n0 + i % (TILE_N / LINE) * LINE;
        if (row < p.m && col < p.n)
            asm volatile("prefetch.global.L2 [%0];" ::"l"(p.addend + (int64_t)row * p.n + col));
    }
}

template <typename Y>
static __device__ __forceinline__ void store_tile(const problem &p, const float (&x_scale)[2], const int (&d)[SUMS],
                                                  int row, int n0)
{
    const int first = p.segments.of(n0), last = p.segments.of(min(n0 + TILE_N, p.n) - 1);

#pragma unroll
    for (int h = 0; h < 2; h++) {
        units u = {};
        if (first == last) {
            u.of_segment[0] = unit_of(x_scale[h], p.segments.scale[first]);
            store_row<true>(p, u, d, h, row + h * 8, n0, static_cast<Y *>(p.y));
            continue;
        }
#pragma unroll
        for (int i = 0; i < BIT_SEGMENTS_MAX; i++)
            if (i < p.segments.count)
                u.of_segment[i] = unit_of(x_scale[h], p.segments.scale[i]);
        store_row<false>(p, u, d, h, row + h * 8, n0, static_cast<Y *>(p.y));
    }
}

template <typename Y, int CLUSTER>
static __device__ __forceinline__ void consume(const problem &p, shared *s, int group, unsigned rank)
{
    const int thread = threadIdx.x % GROUP;
    const int row_in_tile = group * GROUP_M + thread / BIT_WARP * 16 + thread % BIT_WARP / 4;

    ring<STAGES> r = {0, 0};

    for (int64_t tile = blockIdx.x / CLUSTER; tile < p.order.count(); tile += gridDim.x / CLUSTER) {
        float x_scale[2];
        int d[SUMS], m, n;
        p.order.at(tile, &m, &n);
        const int m0 = (m * CLUSTER + (int)rank) * TILE_M, row = m0 + row_in_tile;
        for (int h = 0; h < 2; h++) /* loaded here, so that they arrive while the sums are computed */
            x_scale[h] = row + h * 8 < p.m ? p.x_scale[row + h * 8] : 1.0f;
        if (p.addend != nullptr)
            prefetch_addend(p, m0, n * TILE_N);
        multiply_tile<CLUSTER>(p, s, r, group, d);
        store_tile<Y>(p, x_scale, d, row, n * TILE_N);
    }
}

#endif

template <typename Y, int CLUSTER>
static __global__ void __launch_bounds__(THREADS, 1)
    ternary_gemm_sm90(const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap w,
                      const __grid_constant__ problem p)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    extern __shared__ unsigned char memory[];
    shared *s = reinterpret_cast<shared *>(memory + (ALIGNMENT - address_of(memory) % ALIGNMENT) % ALIGNMENT);
    const unsigned rank = CLUSTER == 1 ? 0 : cluster_rank();
    const int group = threadIdx.x / GROUP;

    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(&s->full[i], 1);
            barrier_init(&s->empty[i], CLUSTER * CONSUMERS * GROUP / BIT_WARP);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    cluster_barrier(); /* no copy and no arrival before the barriers of both blocks are initialised */
    if (group == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
        if (threadIdx.x == 0)
            produce<CLUSTER>(p, s, &q, &w, rank);
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
        consume<Y, CLUSTER>(p, s, group - 1, rank);
    }
    __syncwarp();
    cluster_barrier(); /* until here the other block may still arrive at this block's barriers */
#endif
}

/* ---- host */

/* The tensor map of an int8 matrix that is read in boxes of box_rows rows and TILE_K bytes. */
static int encode(CUtensorMap *map, const void *matrix, int64_t rows, int64_t k, int box_rows)
{
    const cuuint64_t dims[2] = {(cuuint64_t)k, (cuuint64_t)rows}, strides[1] = {(cuuint64_t)k};
    const cuuint32_t box[2] = {TILE_K, (cuuint32_t)box_rows}, steps[2] = {1, 1};
    PFN_cuTensorMapEncodeTiled_v12000 encoder = nullptr;
    int err = find_encoder(&encoder);

    if (err < 0)
        return err;
    const CUresult result = encoder(map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, const_cast<void *>(matrix), dims, strides,
                                    box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                    CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS)
        return bit_fail(BIT_ECUDA, "cuTensorMapEncodeTiled of %lld x %lld: %d", (long long)rows, (long long)k,
                        (int)result);
    return 0;
}

template <typename Y, int CLUSTER> static int launch(const bit_exec *exec, const bit_bitlinear_args *args)
{
    const int64_t m_tiles = (args->m + TILE_M - 1) / TILE_M;

    const problem p = {
        (int)args->m,
        (int)args->n,
        (int)((args->k + TILE_K - 1) / TILE_K),
        args->x_scale,
        column_segments_of(&args->segments),
        args->addend,
        args->y,
        {(int)((m_tiles + CLUSTER - 1) / CLUSTER), (int)((args->n + TILE_N - 1) / TILE_N)},
    };
    const int64_t clusters = BIT_MIN(p.order.count(), (int64_t)(exec->gpu->sm_count / CLUSTER));
    cudaLaunchAttribute cluster = {};
    cudaLaunchConfig_t config = {};
    CUtensorMap q, w;
    int err = encode(&q, args->q, args->m, args->k, TILE_M);

    if (err >= 0)
        err = encode(&w, args->w, args->n, args->k, TILE_N / CLUSTER);
    if (err >= 0)
        err = bit_gpu_try(cudaFuncSetAttribute(ternary_gemm_sm90<Y, CLUSTER>,
                                               cudaFuncAttributeMaxDynamicSharedMemorySize, (int)SHARED_BYTES));
    if (err < 0)
        return err;
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = CLUSTER;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    config.gridDim = dim3((unsigned)(clusters * CLUSTER));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = SHARED_BYTES;
    config.stream = exec->gpu->stream;
    config.attrs = &cluster;
    config.numAttrs = 1;
    return bit_gpu_try(cudaLaunchKernelEx(&config, ternary_gemm_sm90<Y, CLUSTER>, q, w, p));
}

extern "C" bool bit_ternary_gemm_sm90_takes(const bit_exec *exec, const bit_bitlinear_args *args)
{
    return exec->gpu->capability == 90 && bit_aligned(args->q, args->k, VECTOR) &&
           bit_aligned(args->w, args->k, VECTOR) &&
           bit_aligned(args->y, args->n * (int64_t)bit_dtype_bytes(args->y_dtype), VECTOR) &&
           bit_aligned(args->addend, 0, VECTOR);
}

/* With a single row of tiles there is nothing to share in a cluster. */
extern "C" int bit_ternary_gemm_sm90(const bit_exec *exec, const bit_bitlinear_args *args)
{
    if (args->y_dtype == BIT_F32)
        return args->m > TILE_M ? launch<float, 2>(exec, args) : launch<float, 1>(exec, args);
    return args->m > TILE_M ? launch<__nv_bfloat16, 2>(exec, args) : launch<__nv_bfloat16, 1>(exec, args);
}
