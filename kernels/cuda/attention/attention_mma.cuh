/* Tiles in shared memory and the products of the attention passes in bf16 tensor cores. Include it last. */
#ifndef BIT_KERNELS_CUDA_ATTENTION_MMA_CUH
#define BIT_KERNELS_CUDA_ATTENTION_MMA_CUH

#include "kernels/cuda/util.cuh"

#define TILE    64  /* keys, or queries, in a tile in shared memory */
#define THREADS 128 /* four warps */

using bf16 = __nv_bfloat16;

/*
 * A tile is `ROWS` rows of D columns in panels of 64 columns. A row of a panel is 128 bytes, eight chunks of 16, and
 * chunk c of row r is stored at position c ^ (r % 8): the same chunk of eight rows, which ldmatrix reads at once, then
 * covers all 32 banks.
 */
template <int ROWS> __device__ __forceinline__ uint32_t chunk_at(uint32_t tile, int row, int chunk)
{
    return tile + ((chunk / 8) * ROWS + row) * 128 + (((chunk % 8) ^ (row % 8)) * 16);
}

/* A lane's ldmatrix address for the fragment at row 0, column 0; fragment_at moves it, by multiples of 8 rows and of 16
 * columns. */
__device__ __forceinline__ uint32_t lane_base(uint32_t tile, int row, int half)
{
    return tile + row * 128 + ((half ^ (row % 8)) * 16);
}
template <int ROWS> __device__ __forceinline__ uint32_t fragment_at(uint32_t base, int row, int k)
{
    return (base ^ (k % 4 * 32)) + k / 4 * ROWS * 128 + row * 128;
}

/* Three ways to read 16 x 16 elements as four 8 x 8 matrices, which differ in the order of these:
 * left: A of m16n8k16 (rows first);  right: B of two products, from a tile whose rows are n;
 * across: B of two products, from a tile whose rows are k (with ldmatrix.trans), with the lanes' addresses of left. */
__device__ __forceinline__ uint32_t left_base(uint32_t tile)
{
    const int lane = threadIdx.x % BIT_WARP;

    return lane_base(tile, lane % 16, lane / 16);
}
__device__ __forceinline__ uint32_t right_base(uint32_t tile)
{
    const int lane = threadIdx.x % BIT_WARP;

    return lane_base(tile, lane % 8 + lane / 16 * 8, lane / 8 % 2);
}

__device__ __forceinline__ void load_fragment(uint32_t (&r)[4], uint32_t at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}
__device__ __forceinline__ void load_fragment_across(uint32_t (&r)[4], uint32_t at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}

/* c (16 x 8) += a (16 x 16) b (16 x 8). Lane l has c's columns 2 (l % 4) and 2 (l % 4) + 1 of rows l / 4 and
 * l / 4 + 8. */
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ uint32_t pair(float low, float high)
{
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);

    return *reinterpret_cast<const uint32_t *>(&both);
}

/* Converts sums of 16 rows and 16 columns (two products side by side) to the A of a product over those columns. */
__device__ __forceinline__ void as_left(uint32_t (&a)[4], const float (&even)[4], const float (&odd)[4])
{
    a[0] = pair(even[0], even[1]);
    a[1] = pair(even[2], even[3]);
    a[2] = pair(odd[0], odd[1]);
    a[3] = pair(odd[2], odd[3]);
}

/* 2^x to 2 units in the last place; subnormal results are zero. */
__device__ __forceinline__ float exp2_near(float x)
{
    float y;

    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* The sum and the maximum over the four lanes that share a row. */
__device__ __forceinline__ float row_sum(float v)
{
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    return v + __shfl_xor_sync(0xffffffffu, v, 2);
}
__device__ __forceinline__ float row_max(float v)
{
    v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 1));
    return fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 2));
}

/* ---- between the GPU's memory and tiles */

__device__ __forceinline__ void copy_async_16(uint32_t to, const void *from, bool there)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}
__device__ __forceinline__ void copy_async_4(uint32_t to, const void *from, bool there)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(there ? 4 : 0) : "memory");
}
__device__ __forceinline__ void copies_wait(void)
{
    asm volatile("cp.async.wait_all;" ::: "memory");
}

__device__ __forceinline__ void store_chunk(uint32_t at, const uint4 &v)
{
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(at), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
}
__device__ __forceinline__ uint4 load_chunk(uint32_t at)
{
    uint4 v;

    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(at)
                 : "memory");
    return v;
}

/* Rows of one head of a packed tensor: row r is at `at + r * stride`. */
template <typename T> struct rows_of {
    T *at;
    int64_t stride;
    int count; /* rows that exist; loads beyond them give zeros, and stores are dropped */
    int dim;   /* columns that exist, with the same rule */
};

/* Loads ROWS rows starting at `first`; called by all threads of the block. WIDE: rows are aligned to 16 bytes, and the
 * copy is still in flight when this returns (wait with copies_wait). Otherwise it is complete. */
template <int ROWS, int D, bool WIDE>
__device__ __forceinline__ void load_tile(uint32_t tile, const rows_of<const bf16> &from, int first)
{
#pragma unroll
    for (int i = 0; i < ROWS * D / 8 / THREADS; i++) {
        const int c = i * THREADS + threadIdx.x, row = c / (D / 8), chunk = c % (D / 8);
        const bool there = first + row < from.count && chunk * 8 < from.dim;
        const bf16 *source = from.at + (there ? (first + row) * from.stride + chunk * 8 : 0);

        if (WIDE) {
            copy_async_16(chunk_at<ROWS>(tile, row, chunk), source, there);
        } else {
            bit_pack<bf16, 8> v;
#pragma unroll
            for (int e = 0; e < 8; e++)
                v.v[e] = there && chunk * 8 + e < from.dim ? source[e] : __float2bfloat16_rn(0);
            store_chunk(chunk_at<ROWS>(tile, row, chunk), *reinterpret_cast<const uint4 *>(&v));
        }
    }
}

/* Stores a warp's 16 rows of sums, times a factor for each of a lane's two rows, in rows first + row.. of `to`. They go
 * through rows `row`.. of a tile, which no other warp uses any more. */
template <int ROWS, int D, bool WIDE>
__device__ __forceinline__ void store_rows(const float (&sums)[D / 8][4], float upper, float lower, uint32_t tile,
                                           int row, const rows_of<bf16> &to, int first)
{
    const int lane = threadIdx.x % BIT_WARP;

    __syncwarp(); /* every lane has finished reading the tile */
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
        const uint32_t at = chunk_at<ROWS>(tile, row + lane / 4, n) + lane % 4 * 4;

        asm volatile("st.shared.u32 [%0], %1;" ::"r"(at), "r"(pair(sums[n][0] * upper, sums[n][1] * upper)) : "memory");
        asm volatile("st.shared.u32 [%0], %1;" ::"r"(at + 8 * 128), "r"(pair(sums[n][2] * lower, sums[n][3] * lower))
                     : "memory");
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 16 * D / 8 / BIT_WARP; i++) {
        const int c = i * BIT_WARP + lane, r = row + c / (D / 8), chunk = c % (D / 8);
        const uint4 v = load_chunk(chunk_at<ROWS>(tile, r, chunk));
        bf16 *at = to.at + (first + r) * to.stride + chunk * 8;

        if (first + r >= to.count || chunk * 8 >= to.dim)
            continue;
        if (WIDE) {
            *reinterpret_cast<uint4 *>(at) = v;
        } else {
            const auto &elements = reinterpret_cast<const bit_pack<bf16, 8> &>(v);
#pragma unroll
            for (int e = 0; e < 8; e++)
                if (chunk * 8 + e < to.dim)
                    at[e] = elements.v[e];
        }
    }
}

/*
 * The head and the tile of a block. Blocks start in order of their index: a few heads at a time, so that their shared
 * rows stay in L2, and within these the tiles with the most work first, so that short ones fill the gaps at the end.
 */
#define HEADS_AT_ONCE 16
struct place {
    int head, turn; /* head is counted over the batch; turn 0 is the tile with the most work */
};
__device__ __forceinline__ place place_of(int block, int heads, int tiles)
{
    const int group = block / (HEADS_AT_ONCE * tiles), first = group * HEADS_AT_ONCE;
    const int wide = min(HEADS_AT_ONCE, heads - first), rest = block - first * tiles;

    return {first + rest % wide, rest / wide};
}

#endif
