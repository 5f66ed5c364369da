/* Passes over memory before and after the ternary layer's products. */
#include "kernels/cuda/gemm/ternary_gemm.cuh"

#define THREADS 256

static unsigned blocks_of(int64_t items)
{
    return (unsigned)((items + THREADS - 1) / THREADS);
}

/* ---- conversion */

template <typename From, typename To> struct conversion {
    unsigned count, cols; /* packs in total, and in a row; a piece of scratch has few enough for 32 bits */
    const From *from;
    int64_t from_row;
    To *to;
    int64_t to_row;
};

static __device__ __forceinline__ float number(int8_t v)
{
    return (float)v;
}
static __device__ __forceinline__ float number(float v)
{
    return v;
}
static __device__ __forceinline__ float number(__nv_bfloat16 v)
{
    return __bfloat162float(v);
}

template <typename From, typename To, int N> static __global__ void convert(const conversion<From, To> c)
{
    const unsigned i = blockIdx.x * THREADS + threadIdx.x;

    if (i >= c.count)
        return;
    const int64_t row = i / c.cols, col = (int64_t)(i % c.cols) * N;
    const auto in = bit_load<From, N>(c.from + row * c.from_row + col);
    bit_pack<To, N> out;
#pragma unroll
    for (int e = 0; e < N; e++)
        out.v[e] = bit_from_f32<To>(number(in.v[e]));
    bit_store<To, N>(c.to + row * c.to_row + col, out);
}

template <typename From, typename To> static int launch_convert(const bit_exec *exec, const bit_convert_pass *pass)
{
    constexpr int ELEMENTS = sizeof(From) == 1 ? 16 : 8; /* per access, if rows are aligned */
    const bool whole = pass->cols % ELEMENTS == 0 &&
                       bit_aligned(pass->from, pass->from_row * sizeof(From), ELEMENTS * sizeof(From)) &&
                       bit_aligned(pass->to, pass->to_row * sizeof(To), ELEMENTS * sizeof(To));
    const int64_t cols = pass->cols / (whole ? ELEMENTS : 1), count = pass->rows * cols;
    const conversion<From, To> c = {(unsigned)count, (unsigned)cols, (const From *)pass->from,
                                    pass->from_row,  (To *)pass->to, pass->to_row};

    BIT_ASSERT(count <= INT32_MAX);
    if (c.count == 0)
        return 0;
    if (whole)
        convert<From, To, ELEMENTS><<<blocks_of(c.count), THREADS, 0, exec->gpu->stream>>>(c);
    else
        convert<From, To, 1><<<blocks_of(c.count), THREADS, 0, exec->gpu->stream>>>(c);
    return bit_gpu_launched("convert");
}

template <typename From> static int convert_from(const bit_exec *exec, const bit_convert_pass *pass)
{
    return pass->to_dtype == BIT_F32 ? launch_convert<From, float>(exec, pass)
                                     : launch_convert<From, __nv_bfloat16>(exec, pass);
}

extern "C" int bit_convert_pass_cuda(const bit_exec *exec, const bit_convert_pass *pass)
{
    if (pass->from_dtype == BIT_I8)
        return convert_from<int8_t>(exec, pass);
    return pass->from_dtype == BIT_F32 ? convert_from<float>(exec, pass) : convert_from<__nv_bfloat16>(exec, pass);
}

/* ---- scales */

template <typename Y>
static __global__ void scale_sums(int64_t count, int64_t cols, const float *sums, const float *x_scale,
                                  const column_segments segments, const float *addend, Y *y)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i >= count)
        return;
    const float unit = unit_of(x_scale[i / cols], segments.scale[segments.of((int)(i % cols))]);
    y[i] = bit_from_f32<Y>(addend != nullptr ? __fmaf_rn(sums[i], unit, addend[i]) : __fmul_rn(sums[i], unit));
}

extern "C" int bit_scale_pass_cuda(const bit_exec *exec, const bit_bitlinear_args *args, const float *sums,
                                   int64_t first, int64_t rows)
{
    const int64_t count = rows * args->n, at = first * args->n;
    const float *addend = args->addend == nullptr ? nullptr : args->addend + at;

    const column_segments segments = column_segments_of(&args->segments);

    if (args->y_dtype == BIT_F32)
        scale_sums<<<blocks_of(count), THREADS, 0, exec->gpu->stream>>>(count, args->n, sums, args->x_scale + first,
                                                                        segments, addend, (float *)args->y + at);
    else
        scale_sums<<<blocks_of(count), THREADS, 0, exec->gpu->stream>>>(
            count, args->n, sums, args->x_scale + first, segments, addend, (__nv_bfloat16 *)args->y + at);
    return bit_gpu_launched("scale_sums");
}

static __global__ void invert_scales(int count, const float *scale, float *factors)
{
    const int i = threadIdx.x;

    if (i < count)
        factors[i] = __fdiv_rn(1.0f, scale[i]);
    else
        factors[i] = i == BIT_FACTOR_ONE ? 1.0f : 0.0f;
}

extern "C" int bit_factors_pass_cuda(const bit_exec *exec, const bit_segments *segments, float *factors)
{
    invert_scales<<<1, BIT_FACTORS, 0, exec->gpu->stream>>>(segments->count, segments->scale, factors);
    return bit_gpu_launched("invert_scales");
}
