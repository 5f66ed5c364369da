/*
 * The distribution of a row over threads, for operators that process a matrix row by row. Their arithmetic is written
 * once, for two kinds of rows:
 *     bit_held      held in registers, BIT_HELD elements per thread, and read from memory once; aligned packs of WIDTH
 *     bit_streamed  of any length, alignment and dtypes; read again for each pass
 * All threads of a row call its functions. f(i, c) is called for column c, which is the thread's element i; values are
 * read by (i, c), and undefined if loaded from NULL. The order of sums depends only on the number of columns.
 */
#ifndef BIT_KERNELS_CUDA_ROW_CUH
#define BIT_KERNELS_CUDA_ROW_CUH

#include <limits.h>

#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
}

#define BIT_HELD          16
#define BIT_HELD_COLS_MAX (512 * BIT_HELD)

struct bit_any; /* an element whose dtype is known at run time */

/* To nearest, half to even, for v in [-128, 127]: adding 1.5 2^23 leaves the integer in the lowest bits. The conversion
 * and rounding instructions have a quarter of an addition's throughput. */
template <> __device__ __forceinline__ int8_t bit_from_f32<int8_t>(float v)
{
    return (int8_t)__float_as_int(__fadd_rn(v, 0x1.8p23f));
}

/* The destination of values; if it is NULL, they are dropped. */
template <typename T> struct bit_sink {
    T *to;

    __device__ bit_sink(void *base, enum bit_dtype, int64_t at) : to(base == NULL ? NULL : (T *)base + at)
    {
    }
    template <int N> __device__ __forceinline__ void put(int c, const float *v) const
    {
        bit_pack<T, N> pack;

        if (to == NULL)
            return;
#pragma unroll
        for (int e = 0; e < N; e++)
            pack.v[e] = bit_from_f32<T>(v[e]);
        bit_store<T, N>(to + c, pack);
    }
};

template <> struct bit_sink<bit_any> {
    void *base;
    enum bit_dtype dtype;
    int64_t at;

    __device__ bit_sink(void *base_, enum bit_dtype dtype_, int64_t at_) : base(base_), dtype(dtype_), at(at_)
    {
    }
    template <int N> __device__ void put(int c, const float *v) const
    {
        if (base == NULL)
            return;
        if (dtype == BIT_F32)
            ((float *)base)[at + c] = *v;
        else if (dtype == BIT_BF16)
            ((__nv_bfloat16 *)base)[at + c] = bit_from_f32<__nv_bfloat16>(*v);
        else
            ((int8_t *)base)[at + c] = bit_from_f32<int8_t>(*v);
    }
};

/* The base of both kinds: GROUP threads per row. `shared` has SHARED elements in each of these functions. */
template <int GROUP_> struct bit_row {
    static constexpr int GROUP = GROUP_, THREADS = GROUP < 128 ? 128 : GROUP, ROWS = THREADS / GROUP;
    static constexpr int SHARED = 2 * (GROUP / BIT_WARP);
    static constexpr int BLOCKS = 1024 / THREADS; /* resident per multiprocessor: 64 registers per thread */

    static __device__ __forceinline__ int thread()
    {
        return threadIdx.x % GROUP;
    }
    static __device__ __forceinline__ int64_t index()
    {
        return (int64_t)blockIdx.x * ROWS + threadIdx.x / GROUP;
    }
    template <typename T> static __device__ __forceinline__ T sum(T v, T *shared)
    {
        if constexpr (GROUP == BIT_WARP)
            return bit_warp_sum(v);
        else
            return bit_block_sum<GROUP>(v, shared);
    }
    /* Combines the v of a row's warps, with the barriers of a single reduction: x is summed; y is folded with join,
     * starting with from(the first warp's y). */
    template <typename From, typename Join>
    static __device__ __forceinline__ float2 across_warps(float2 v, float *shared, From from, Join join)
    {
        constexpr int warps = GROUP / BIT_WARP;
        const int warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;
        float2 all = {0, 0};

        if constexpr (warps == 1)
            return v;
        __syncthreads();
        if (lane == 0) {
            shared[warp] = v.x;
            shared[warps + warp] = v.y;
        }
        __syncthreads();
        all.y = from(shared[warps]);
#pragma unroll
        for (int w = 0; w < warps; w++) {
            all.x += shared[w];
            all.y = join(all.y, shared[warps + w]);
        }
        return all;
    }
    /* Two sums. */
    static __device__ __forceinline__ float2 sum(float2 v, float *shared)
    {
        return across_warps(
            {bit_warp_sum(v.x), bit_warp_sum(v.y)}, shared, [](float) { return 0.0f; },
            [](float a, float b) { return a + b; });
    }
    /* The sum of v.x and the largest v.y. */
    static __device__ __forceinline__ float2 sum_and_max(float2 v, float *shared)
    {
        return across_warps(
            {bit_warp_sum(v.x), bit_warp_max(v.y)}, shared, [](float first) { return first; },
            [](float a, float b) { return fmaxf(a, b); });
    }
    static __device__ __forceinline__ float max(float v, float *shared)
    {
        if constexpr (GROUP == BIT_WARP)
            return bit_warp_max(v);
        else
            return bit_block_max<GROUP>(v, shared);
    }
};

template <int GROUP, int WIDTH> struct bit_held : bit_row<GROUP> {
    static constexpr int PACKS = BIT_HELD / WIDTH;
    int cols;

    template <typename T> struct values {
        bit_pack<T, WIDTH> pack[PACKS];

        __device__ __forceinline__ float operator()(int i, int) const
        {
            return bit_to_f32(pack[i / WIDTH].v[i % WIDTH]);
        }
    };

    explicit __device__ bit_held(int64_t cols_) : cols((int)cols_)
    {
    }
    /* f(pack, first column) */
    template <typename F> __device__ __forceinline__ void packs(F f) const
    {
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            const int c = (p * GROUP + this->thread()) * WIDTH;
            if (c < cols)
                f(p, c);
        }
    }
    template <typename F> __device__ __forceinline__ void each(F f) const
    {
        packs([&](int p, int c) {
#pragma unroll
            for (int e = 0; e < WIDTH; e++)
                f(p * WIDTH + e, c + e);
        });
    }
    template <typename T> __device__ __forceinline__ values<T> load(const void *base, enum bit_dtype, int64_t at) const
    {
        values<T> v;

        packs([&](int p, int c) {
            if (base != NULL)
                v.pack[p] = bit_load<T, WIDTH>((const T *)base + at + c);
        });
        return v;
    }
    /* The values f(i, c), rounded to T, computed once. */
    template <typename T, typename F> __device__ __forceinline__ values<T> map(enum bit_dtype, F f) const
    {
        values<T> v;

        each([&](int i, int c) { v.pack[i / WIDTH].v[i % WIDTH] = bit_from_f32<T>(f(i, c)); });
        return v;
    }
    /* Stores f(i, c) in each sink. */
    template <typename F, typename... Sinks> __device__ __forceinline__ void store(F f, const Sinks &...sinks) const
    {
        packs([&](int p, int c) {
            float v[WIDTH];
#pragma unroll
            for (int e = 0; e < WIDTH; e++)
                v[e] = f(p * WIDTH + e, c + e);
            (sinks.template put<WIDTH>(c, v), ...);
        });
    }
    /* f(i, c) returns two values, one for each sink. */
    template <typename F, typename A, typename B>
    __device__ __forceinline__ void store_pair(F f, const A &to_x, const B &to_y) const
    {
        packs([&](int p, int c) {
            float x[WIDTH], y[WIDTH];
#pragma unroll
            for (int e = 0; e < WIDTH; e++) {
                const float2 v = f(p * WIDTH + e, c + e);
                x[e] = v.x;
                y[e] = v.y;
            }
            to_x.template put<WIDTH>(c, x);
            to_y.template put<WIDTH>(c, y);
        });
    }
};

/* T is bit_any in all of these. */
struct bit_streamed : bit_row<256> {
    int64_t cols;

    struct values {
        const void *base;
        enum bit_dtype dtype;
        int64_t at;

        __device__ __forceinline__ float operator()(int, int c) const
        {
            return dtype == BIT_F32 ? ((const float *)base)[at + c] : bit_to_f32(((const __nv_bfloat16 *)base)[at + c]);
        }
    };
    template <typename F> struct mapped {
        enum bit_dtype dtype;
        F f;

        __device__ __forceinline__ float operator()(int i, int c) const
        {
            return dtype == BIT_F32 ? f(i, c) : bit_to_f32(bit_from_f32<__nv_bfloat16>(f(i, c)));
        }
    };

    explicit __device__ bit_streamed(int64_t cols_) : cols(cols_)
    {
    }
    template <typename F> __device__ __forceinline__ void each(F f) const
    {
        for (int c = thread(); c < cols; c += GROUP)
            f(0, c);
    }
    template <typename T>
    __device__ __forceinline__ values load(const void *base, enum bit_dtype dtype, int64_t at) const
    {
        return {base, dtype, at};
    }
    template <typename T, typename F> __device__ __forceinline__ mapped<F> map(enum bit_dtype dtype, F f) const
    {
        return {dtype, f};
    }
    template <typename F, typename... Sinks> __device__ __forceinline__ void store(F f, const Sinks &...sinks) const
    {
        each([&](int i, int c) {
            const float v = f(i, c);
            (sinks.template put<1>(c, &v), ...);
        });
    }
    template <typename F, typename A, typename B>
    __device__ __forceinline__ void store_pair(F f, const A &to_x, const B &to_y) const
    {
        each([&](int i, int c) {
            const float2 v = f(i, c);
            to_x.template put<1>(c, &v.x);
            to_y.template put<1>(c, &v.y);
        });
    }
};

/* ---- the host's side */

template <typename Row> struct bit_row_kind {
    using row = Row;
    static constexpr int THREADS = Row::THREADS;

    static unsigned blocks(int64_t rows)
    {
        return (unsigned)((rows + Row::ROWS - 1) / Row::ROWS);
    }
};

/* Calls launch(bit_row_kind) with the fewest threads that can hold a row. */
template <int WIDTH, typename F> static void bit_row_held(int64_t cols, F launch)
{
    if (cols <= BIT_WARP * BIT_HELD)
        launch(bit_row_kind<bit_held<BIT_WARP, WIDTH>>());
    else if (cols <= 128 * BIT_HELD)
        launch(bit_row_kind<bit_held<128, WIDTH>>());
    else
        launch(bit_row_kind<bit_held<512, WIDTH>>());
}

/* Whether rows of `cols` elements of T at p (NULL: no rows) can be held in packs of `width`. */
template <typename T> static bool bit_row_fits(const void *p, int64_t cols, int width)
{
    return cols <= BIT_HELD_COLS_MAX && cols % width == 0 && (uintptr_t)p % (width * sizeof(T)) == 0;
}

/* The GPU counts columns in int, and may count one step past the last. */
static inline int bit_row_check(const char *name, int64_t rows, int64_t cols)
{
    if (rows > INT_MAX || cols > INT_MAX / 2)
        return bit_fail(-EINVAL, "%s: (%lld, %lld) is more than a GPU's grid takes", name, (long long)rows,
                        (long long)cols);
    return 0;
}

#endif
