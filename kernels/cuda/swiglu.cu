/* SwiGLU, forward and backward: elementwise, with accesses of up to 16 bytes and PACKS of them in flight per thread. */
#include "kernels/cuda/swiglu.cuh"

#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/swiglu.h"
}

#define THREADS 256
#define PACKS   2

/* Calls f(pack, first column) for this thread's packs in the block's chunk of PACKS * THREADS packs of a row. */
template <int WIDTH, typename F> static __device__ __forceinline__ void each_pack(int cols, F f)
{
#pragma unroll
    for (int p = 0; p < PACKS; p++) {
        const int c = ((blockIdx.y * PACKS + p) * THREADS + threadIdx.x) * WIDTH;
        if (c < cols)
            f(p, c);
    }
}

static dim3 grid(int64_t rows, int64_t cols, int width)
{
    const int64_t chunk = (int64_t)THREADS * PACKS * width;

    return dim3((unsigned)rows, (unsigned)((cols + chunk - 1) / chunk));
}

template <typename T, int WIDTH> static __global__ void __launch_bounds__(THREADS) swiglu(int cols, const T *ug, T *y)
{
    const T *up = ug + (int64_t)blockIdx.x * 2 * cols, *gate = up + cols;
    bit_pack<T, WIDTH> u[PACKS], g[PACKS];

    y += (int64_t)blockIdx.x * cols;
    each_pack<WIDTH>(cols, [&](int p, int c) {
        u[p] = bit_load<T, WIDTH>(up + c);
        g[p] = bit_load<T, WIDTH>(gate + c);
    });
    each_pack<WIDTH>(cols, [&](int p, int c) {
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            u[p].v[e] = bit_from_f32<T>(bit_swiglu_value(bit_to_f32(u[p].v[e]), bit_to_f32(g[p].v[e])));
        bit_store<T, WIDTH>(y + c, u[p]);
    });
}

/* dug may be ug: the thread that writes an element reads it first. */
template <typename T, typename D, int WIDTH>
static __global__ void __launch_bounds__(THREADS) swiglu_backward(int cols, const T *ug, const D *dy, T *dug, T *y)
{
    const int64_t up_at = (int64_t)blockIdx.x * 2 * cols, gate_at = up_at + cols;

    bit_pack<T, WIDTH> u[PACKS], g[PACKS];
    bit_pack<D, WIDTH> d[PACKS];

    dy += (int64_t)blockIdx.x * cols;
    each_pack<WIDTH>(cols, [&](int p, int c) {
        u[p] = bit_load<T, WIDTH>(ug + up_at + c);
        g[p] = bit_load<T, WIDTH>(ug + gate_at + c);
        d[p] = bit_load<D, WIDTH>(dy + c);
    });
    each_pack<WIDTH>(cols, [&](int p, int c) {
        if (y != nullptr) {
            bit_pack<T, WIDTH> value;
#pragma unroll
            for (int e = 0; e < WIDTH; e++)
                value.v[e] = bit_from_f32<T>(bit_swiglu_value(bit_to_f32(u[p].v[e]), bit_to_f32(g[p].v[e])));
            bit_store<T, WIDTH>(y + (int64_t)blockIdx.x * cols + c, value);
        }
#pragma unroll
        for (int e = 0; e < WIDTH; e++) {
            const float2 v = bit_swiglu_gradient(bit_to_f32(u[p].v[e]), bit_to_f32(g[p].v[e]), bit_to_f32(d[p].v[e]));
            u[p].v[e] = bit_from_f32<T>(v.x);
            g[p].v[e] = bit_from_f32<T>(v.y);
        }
        bit_store<T, WIDTH>(dug + up_at + c, u[p]);
        bit_store<T, WIDTH>(dug + gate_at + c, g[p]);
    });
}

/* Whether rows of `cols` columns at p are aligned to packs; the halves of ug begin at multiples of cols, too. */
template <typename T> static bool whole(const void *p, int64_t cols, int width)
{
    return cols % width == 0 && (uintptr_t)p % (width * sizeof(T)) == 0;
}

template <typename T> static void forward(const struct bit_exec *exec, const struct bit_swiglu_args *args)
{
    constexpr int width = 16 / (int)sizeof(T);
    const bool fast = whole<T>(args->ug, args->cols, width) && whole<T>(args->y, args->cols, width);
    const auto kernel = fast ? swiglu<T, width> : swiglu<T, 1>;

    kernel<<<grid(args->rows, args->cols, fast ? width : 1), THREADS, 0, exec->gpu->stream>>>(
        (int)args->cols, (const T *)args->ug, (T *)args->y);
}

template <typename T, typename D>
static void backward(const struct bit_exec *exec, const struct bit_swiglu_backward_args *args)
{
    constexpr int width = 16 / (int)(sizeof(T) > sizeof(D) ? sizeof(T) : sizeof(D));
    const bool fast = whole<T>(args->ug, args->cols, width) && whole<T>(args->dug, args->cols, width) &&
                      whole<D>(args->dy, args->cols, width) && whole<T>(args->y, args->cols, width);
    const auto kernel = fast ? swiglu_backward<T, D, width> : swiglu_backward<T, D, 1>;

    kernel<<<grid(args->rows, args->cols, fast ? width : 1), THREADS, 0, exec->gpu->stream>>>(
        (int)args->cols, (const T *)args->ug, (const D *)args->dy, (T *)args->dug, (T *)args->y);
}

extern "C" int bit_swiglu_cuda(const struct bit_exec *exec, const struct bit_swiglu_args *args)
{
    int err = bit_swiglu_check(args);

    if (err < 0 || (err = bit_row_check("swiglu", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (args->dtype == BIT_F32)
        forward<float>(exec, args);
    else
        forward<__nv_bfloat16>(exec, args);
    return bit_gpu_launched("swiglu");
}

extern "C" int bit_swiglu_backward_cuda(const struct bit_exec *exec, const struct bit_swiglu_backward_args *args)
{
    int err = bit_swiglu_backward_check(args);

    if (err < 0 || (err = bit_row_check("swiglu_backward", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (args->dtype == BIT_F32 && args->dy_dtype == BIT_F32)
        backward<float, float>(exec, args);
    else if (args->dtype == BIT_F32)
        backward<float, __nv_bfloat16>(exec, args);
    else if (args->dy_dtype == BIT_F32)
        backward<__nv_bfloat16, float>(exec, args);
    else
        backward<__nv_bfloat16, __nv_bfloat16>(exec, args);
    return bit_gpu_launched("swiglu_backward");
}
