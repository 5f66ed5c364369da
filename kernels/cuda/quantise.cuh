/* The measure of a row and its codes, for the operators that output codes. The order of the float operations is the
 * contract's: quantise.h. */
#ifndef BIT_KERNELS_CUDA_QUANTISE_CUH
#define BIT_KERNELS_CUDA_QUANTISE_CUH

#include <float.h>
#include <type_traits>

#include "kernels/cuda/norm.cuh"
extern "C" {
#include "kernels/quantise.h"
}

/*
 * The lower median of |n|: the least magnitude such that more than (C - 1) / 2 magnitudes are <= it, found by bisection
 * over the bits, which have the order of the magnitudes. Fewer than half can exceed twice the mean, and the median is
 * nearly always within four octaves below that, where the first cut is.
 */
template <typename Row, typename N>
__device__ __forceinline__ float bit_row_median(const Row &row, const N &n, float mean, float *shared)
{
    const int rank = (int)((row.cols - 1) / 2);
    int low = 0, high = mean < FLT_MAX / 4 ? __float_as_int(2.01f * mean) + 1 : INT_MAX;

    for (int cut = max(high - (4 << 23), high / 2); low < high; cut = low + (high - low) / 2) {
        int count = 0;
        row.each([&](int i, int c) { count += __float_as_int(fabsf(n(i, c))) <= cut; });
        if (row.sum(count, (int *)shared) > rank)
            high = cut;
        else
            low = cut + 1;
    }
    return __int_as_float(low);
}

struct bit_row_scaled {
    bit_row_norm norm;
    float measure; /* of the normed row */
};

/*
 * The norm and the measure. Rounding is monotonic, so the largest or median |n| is the largest or median |x - mean|,
 * times rstd; the pass that computes the variance also finds the largest.
 */
template <typename Row, typename X>
__device__ __forceinline__ bit_row_scaled bit_row_scaled_of(const Row &row, const X &x, enum bit_norm_kind kind,
                                                            float var_factor, float eps, enum bit_measure measure,
                                                            float *shared)
{
    const float count = (float)row.cols;
    bit_row_scaled s = {{0, 1}, 0};

    float2 square_and_max = {0, 0};
    float sum = 0;

    if (kind == BIT_NORM_LAYER) {
        row.each([&](int i, int c) { sum += x(i, c); });
        s.norm.mean = row.sum(sum, shared) / count;
    }
    const float mean = s.norm.mean;
    const auto d = [&](int i, int c) { return __fsub_rn(x(i, c), mean); };
    row.each([&](int i, int c) {
        const float v = d(i, c);
        square_and_max.x += v * v;
        square_and_max.y = fmaxf(square_and_max.y, fabsf(v));
    });
    square_and_max = row.sum_and_max(square_and_max, shared);
    if (kind != BIT_NORM_NONE)
        s.norm.rstd = 1 / sqrtf(__fmaf_rn(var_factor, square_and_max.x / count, eps));
    s.measure = square_and_max.y;
    if (measure != BIT_MEASURE_ABSMAX) {
        sum = 0;
        row.each([&](int i, int c) { sum += fabsf(d(i, c)); });
        s.measure = row.sum(sum, shared) / count;
    }
    if (measure == BIT_MEASURE_MEDIAN)
        s.measure = bit_row_median(row, d, s.measure, shared);
    s.measure = __fmul_rn(s.measure, s.norm.rstd);
    return s;
}

/* The clamped value, which rounds to the code: the bounds are integers, so clamping may come first. */
__device__ __forceinline__ float bit_clamped(float u)
{
    return fmaxf(fminf(u, 127), -128);
}

/* The blend of u and its code, which quantise writes below full strength. */
__device__ __forceinline__ float bit_blend(float u, float code, float strength)
{
    return __fmaf_rn(strength, __fsub_rn(code, u), u);
}

/* The value that quantise stores for u. */
template <typename Q> __device__ __forceinline__ float bit_quantised(float u, enum bit_dtype dtype, float strength)
{
    const float inside = bit_clamped(u);

    if (std::is_same_v<Q, int8_t> || dtype == BIT_I8)
        return inside;
    return bit_blend(u, rintf(inside), strength);
}

/* The kinds of operand for which kernels are instantiated, so that they need no registers for other kinds. */
enum bit_made {
    BIT_MADE_NONE,
    BIT_MADE_N,     /* n itself */
    BIT_MADE_CODES, /* dequantised codes, at full strength */
    BIT_MADE_ANY,   /* decided at run time */
};

static inline enum bit_made bit_made_of(const bit_operand &operand)
{
    if (operand.to == NULL)
        return BIT_MADE_NONE;
    return operand.scale == NULL ? BIT_MADE_N : operand.strength == 1 ? BIT_MADE_CODES : BIT_MADE_ANY;
}

/* The operand of operand.h for one row, computed from the norm's input. */
template <enum bit_made MADE> struct bit_row_operand {
    bit_row_norm norm;
    float scale, inverse, strength; /* scale 0: n itself */
    bool rounded;

    __device__ __forceinline__ float operator()(float x) const
    {
        const float n = norm(x);

        if (MADE == BIT_MADE_N || (MADE == BIT_MADE_ANY && scale == 0))
            return n;
        /* rounds half to even and gives no -0, as the conversion to int8 by bit_from_f32 */
        const float u = __fmul_rn(n, scale), code = __fsub_rn(__fadd_rn(bit_clamped(u), 0x1.8p23f), 0x1.8p23f);
        if (MADE == BIT_MADE_CODES || strength == 1)
            return __fmul_rn(code, inverse);
        const float blend = bit_blend(u, code, strength);
        return __fmul_rn(rounded ? bit_to_f32(bit_from_f32<__nv_bfloat16>(blend)) : blend, inverse);
    }
};

template <enum bit_made MADE>
__device__ __forceinline__ bit_row_operand<MADE> bit_row_operand_of(const bit_operand &operand, bit_row_norm norm,
                                                                    int64_t r)
{
    const float scale = MADE != BIT_MADE_N && operand.scale != NULL ? operand.scale[r] : 0;

    return {norm, scale, __fdiv_rn(1.0f, scale), operand.strength, operand.dtype == BIT_BF16};
}

/* Stores row r's codes, its operand, and its scale, mean and rstd: the last part of quantise and of swiglu_quantise.
 * value(i, c) is the norm's input; of_row comes from bit_row_scaled_of. */
template <typename Q, typename O, enum bit_made MADE, typename Row, typename Value, typename Args>
__device__ __forceinline__ void bit_row_store_codes(const Row &row, const Value &value, const bit_row_scaled &of_row,
                                                    const Args &args, enum bit_dtype operand_dtype, int64_t r)
{
    const bit_row_norm norm = of_row.norm;
    const float scale = __fdiv_rn(args.levels, fmaxf(args.eps, of_row.measure));
    const auto code = [&](int i, int c) {
        return bit_quantised<Q>(__fmul_rn(norm(value(i, c)), scale), args.q_dtype, args.strength);
    };
    const bit_sink<Q> codes(args.q, args.q_dtype, r * args.cols);

    if constexpr (MADE == BIT_MADE_NONE) {
        row.store(code, codes);
    } else {
        const bit_row_operand<MADE> operand = {norm, scale, __fdiv_rn(1.0f, scale), args.strength,
                                               operand_dtype == BIT_BF16};
        row.store_pair(
            [&](int i, int c) {
                return float2{code(i, c), operand(value(i, c))};
            },
            codes, bit_sink<O>(args.operand, operand_dtype, r * args.cols));
    }
    if (row.thread() != 0)
        return;
    args.scale[r] = scale;
    if (args.kind != BIT_NORM_NONE) {
        args.mean[r] = norm.mean;
        args.rstd[r] = norm.rstd;
    }
}

/* Calls launch(std::integral_constant<enum bit_made, ...>) for this kind. */
template <typename F> static void bit_for_made(enum bit_made made, F launch)
{
    if (made == BIT_MADE_NONE)
        launch(std::integral_constant<enum bit_made, BIT_MADE_NONE>());
    else if (made == BIT_MADE_N)
        launch(std::integral_constant<enum bit_made, BIT_MADE_N>());
    else if (made == BIT_MADE_CODES)
        launch(std::integral_constant<enum bit_made, BIT_MADE_CODES>());
    else
        launch(std::integral_constant<enum bit_made, BIT_MADE_ANY>());
}

#endif
