/*
 * y = (q w^T) unit with mma.sync: a block of 8 warps computes a tile of 128 x 128, each warp 64 x 32 of it, 64 bytes of
 * k at a time through three stages of shared memory. Rows there are 80 bytes apart, so that the eight rows of 16 bytes
 * that ldmatrix reads at once are in 32 different banks.
 */
#include "kernels/cuda/gemm/ternary_gemm.cuh"

#define THREADS 256
#define TILE    128 /* rows, and columns */
#define K_BYTES 64  /* of a stage */
#define STAGES  3
#define CHUNK   16 /* bytes of one copy */
#define PITCH   (K_BYTES + CHUNK)
#define WARPS_N 4
#define WARP_M  64
#define WARP_N  32

struct problem {
    int m, n, k;
    const int8_t *q, *w;
    const float *x_scale;
    column_segments segments;
    const float *addend;
    void *y;
    tile_order order;
};

struct stage {
    int8_t q[TILE * PITCH], w[TILE * PITCH];
};
struct shared {
    stage stages[STAGES];
    float unit[BIT_SEGMENTS_MAX][TILE];
};

/* ---- global to shared memory; zeros beyond the edges */

static __device__ __forceinline__ void copy_chunk(int8_t *to, const int8_t *from, bool inside)
{
    const unsigned at = (unsigned)__cvta_generic_to_shared(to), bytes = inside ? CHUNK : 0;

    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}

static __device__ __forceinline__ void gather_chunk(int8_t *to, const int8_t *from, int count)
{
    bit_pack<int8_t, CHUNK> chunk;

#pragma unroll
    for (int i = 0; i < CHUNK; i++)
        chunk.v[i] = i < count ? from[i] : (int8_t)0;
    bit_store<int8_t, CHUNK>(to, chunk);
}

/* TILE rows starting at `row`, K_BYTES of each starting at k0. */
template <bool WHOLE>
static __device__ __forceinline__ void load_rows(int8_t *to, const int8_t *matrix, int row, int rows, int k0, int k)
{
#pragma unroll
    for (int c = threadIdx.x; c < TILE * (K_BYTES / CHUNK); c += THREADS) {
        const int r = c / (K_BYTES / CHUNK), byte = c % (K_BYTES / CHUNK) * CHUNK;
        const int left = row + r < rows ? max(min(k - k0 - byte, CHUNK), 0) : 0;
        const int8_t *from = left > 0 ? matrix + (int64_t)(row + r) * k + k0 + byte : matrix;

        if (WHOLE)
            copy_chunk(to + r * PITCH + byte, from, left > 0);
        else
            gather_chunk(to + r * PITCH + byte, from, left);
    }
}

template <bool WHOLE>
static __device__ __forceinline__ void load_stage(const problem &p, stage *s, int m0, int n0, int step)
{
    if (step * K_BYTES < p.k) {
        load_rows<WHOLE>(s->q, p.q, m0, p.m, step * K_BYTES, p.k);
        load_rows<WHOLE>(s->w, p.w, n0, p.n, step * K_BYTES, p.k);
    }
    asm volatile("cp.async.commit_group;" ::: "memory"); /* empty groups, too, because waits count groups */
}

/* ---- shared memory to sums */

static __device__ __forceinline__ void load_matrices(unsigned (&to)[4], const int8_t *from)
{
    const unsigned at = (unsigned)__cvta_generic_to_shared(from);

    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(at)
                 : "memory");
}

static __device__ __forceinline__ void multiply(int (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* A lane's address for ldmatrix: q's four matrices are rows 0-7 and 8-15 of bytes 0-15, then of bytes 16-31; w's are
 * bytes 0-15 and 16-31 of rows 0-7, then of rows 8-15. This is the order of mma's operands. */
static __device__ __forceinline__ void multiply_stage(const stage *s, int (&sums)[4][4][4])
{
    const int lane = threadIdx.x % BIT_WARP, warp = threadIdx.x / BIT_WARP;
    const int8_t *q = s->q + (warp / WARPS_N * WARP_M + lane % 16) * PITCH + lane / 16 * CHUNK;
    const int8_t *w = s->w + (warp % WARPS_N * WARP_N + lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * CHUNK;

#pragma unroll
    for (int byte = 0; byte < K_BYTES; byte += 32) {
        unsigned a[4][4], b[2][4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            load_matrices(a[i], q + i * 16 * PITCH + byte);
#pragma unroll
        for (int j = 0; j < 2; j++)
            load_matrices(b[j], w + j * 16 * PITCH + byte);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
}

/* ---- sums to y */

static __device__ __forceinline__ void make_units(const problem &p, shared *s, int m0)
{
    for (int i = threadIdx.x; i < p.segments.count * TILE; i += THREADS) {
        const int row = m0 + i % TILE;
        s->unit[i / TILE][i % TILE] = row < p.m ? unit_of(p.x_scale[row], p.segments.scale[i / TILE]) : 0.0f;
    }
}

template <typename Y>
static __device__ __forceinline__ void store(const problem &p, const shared *s, int sum, int m0, int row, int col)
{
    const int64_t at = (int64_t)(m0 + row) * p.n + col;
    const float unit = s->unit[p.segments.of(col)][row], value = (float)sum;

    static_cast<Y *>(p.y)[at] = bit_from_f32<Y>(p.addend != nullptr ? __fmaf_rn(value, unit, p.addend[at])
                                                                    : __fmul_rn(value, unit));
}

template <typename Y>
static __device__ __forceinline__ void store_tile(const problem &p, const shared *s, const int (&sums)[4][4][4], int m0,
                                                  int n0)
{
    const int lane = threadIdx.x % BIT_WARP, warp = threadIdx.x / BIT_WARP;

#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int row = warp / WARPS_N * WARP_M + i * 16 + e / 2 * 8 + lane / 4;
                const int col = n0 + warp % WARPS_N * WARP_N + j * 8 + lane % 4 * 2 + e % 2;
                if (m0 + row < p.m && col < p.n)
                    store<Y>(p, s, sums[i][j][e], m0, row, col);
            }
}

template <typename Y, bool WHOLE>
static __global__ void __launch_bounds__(THREADS, 2) ternary_gemm_sm80(const problem p)
{
    extern __shared__ __align__(128) unsigned char memory[];
    shared *s = reinterpret_cast<shared *>(memory);
    const int steps = (p.k + K_BYTES - 1) / K_BYTES;
    int sums[4][4][4] = {}, m0, n0;

    p.order.at(blockIdx.x, &m0, &n0);
    m0 *= TILE;
    n0 *= TILE;
    make_units(p, s, m0); /* visible to all after the loop's first barrier */
    for (int step = 0; step < STAGES - 1; step++)
        load_stage<WHOLE>(p, &s->stages[step], m0, n0, step);
    for (int step = 0; step < steps; step++) {
        asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
        __syncthreads(); /* this step's data has arrived, and all threads have read the previous step's stage */
        load_stage<WHOLE>(p, &s->stages[(step + STAGES - 1) % STAGES], m0, n0, step + STAGES - 1);
        multiply_stage(&s->stages[step % STAGES], sums);
    }
    store_tile<Y>(p, s, sums, m0, n0);
}

template <typename Y, bool WHOLE> static int launch(const bit_exec *exec, const problem &p)
{
    int err = bit_gpu_try(cudaFuncSetAttribute(ternary_gemm_sm80<Y, WHOLE>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               (int)sizeof(shared)));

    if (err < 0)
        return err;
    ternary_gemm_sm80<Y, WHOLE><<<(unsigned)p.order.count(), THREADS, sizeof(shared), exec->gpu->stream>>>(p);
    return bit_gpu_launched("ternary_gemm_sm80");
}

extern "C" int bit_ternary_gemm_sm80(const bit_exec *exec, const bit_bitlinear_args *args)
{
    const problem p = {
        (int)args->m,
        (int)args->n,
        (int)args->k,
        (const int8_t *)args->q,
        (const int8_t *)args->w,
        args->x_scale,
        column_segments_of(&args->segments),
        args->addend,
        args->y,
        {(int)((args->m + TILE - 1) / TILE), (int)((args->n + TILE - 1) / TILE)},
    };
    const bool whole = bit_aligned(args->q, args->k, CHUNK) && bit_aligned(args->w, args->k, CHUNK);

    if (args->y_dtype == BIT_F32)
        return whole ? launch<float, true>(exec, p) : launch<float, false>(exec, p);
    return whole ? launch<__nv_bfloat16, true>(exec, p) : launch<__nv_bfloat16, false>(exec, p);
}
