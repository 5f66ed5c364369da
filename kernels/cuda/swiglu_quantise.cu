/* SwiGLU to codes and back: if a row can be held in registers (row.cuh), up and gate are read once, and intermediate
 * values stay in registers. */
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/quantise.cuh"
#include "kernels/cuda/swiglu.cuh"
extern "C" {
#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"
}

template <typename Row, typename T, typename Q, enum bit_made MADE>
static __global__ void __launch_bounds__(Row::THREADS, Row::BLOCKS)
    swiglu_quantise(const struct bit_swiglu_quantise_args args)
{
    __shared__ float shared[Row::SHARED];
    const Row row(args.cols);
    const int64_t r = Row::index(), at = r * args.cols;

    if (r >= args.rows)
        return;
    const auto up = row.template load<T>(args.ug, args.dtype, 2 * at);
    const auto gate = row.template load<T>(args.ug, args.dtype, 2 * at + args.cols);
    const auto y = row.template map<T>(args.dtype,
                                       [=](int i, int c) { return bit_swiglu_value(up(i, c), gate(i, c)); });
    const bit_row_scaled of_row = bit_row_scaled_of(row, y, args.kind, 1, args.norm_eps, args.measure, shared);

    bit_row_store_codes<Q, T, MADE>(row, y, of_row, args, args.dtype, r);
}

/* dug may be ug: in its last pass a thread reads only elements that it writes itself, and reads them first. */
template <typename Row, typename T, enum bit_made MADE>
static __global__ void __launch_bounds__(Row::THREADS, Row::BLOCKS)
    swiglu_norm_backward(const struct bit_swiglu_norm_backward_args args)
{
    __shared__ float shared[Row::SHARED];
    const Row row(args.cols);
    const int64_t r = Row::index(), at = r * args.cols;

    if (r >= args.rows)
        return;
    const auto up = row.template load<T>(args.ug, args.dtype, 2 * at);
    const auto gate = row.template load<T>(args.ug, args.dtype, 2 * at + args.cols);
    const auto dn = row.template load<T>(args.dn, args.dtype, at);
    const auto y = row.template map<T>(args.dtype,
                                       [=](int i, int c) { return bit_swiglu_value(up(i, c), gate(i, c)); });
    const bit_row_norm norm = bit_row_norm_kept(args.kind, args.mean, args.rstd, r);

    if constexpr (MADE != BIT_MADE_NONE) {
        const auto operand = bit_row_operand_of<MADE>(args.operand, norm, r);
        row.store([&](int i, int c) { return operand(y(i, c)); }, bit_sink<T>(args.operand.to, args.operand.dtype, at));
    }
    const bit_row_norm_gradient gradient = bit_row_norm_gradient_of(row, y, dn, args.kind, norm, 1, shared);
    const auto dy = row.template map<T>(args.dtype, [=](int i, int c) { return gradient(y(i, c), dn(i, c)); });
    row.store_pair([&](int i, int c) { return bit_swiglu_gradient(up(i, c), gate(i, c), dy(i, c)); },
                   bit_sink<T>(args.dug, args.dtype, 2 * at), bit_sink<T>(args.dug, args.dtype, 2 * at + args.cols));
}

template <typename T, typename Q, enum bit_made MADE>
static bool forward_made(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    constexpr int width = 16 / (int)sizeof(T);

    if (!bit_row_fits<T>(args->ug, args->cols, width) || !bit_row_fits<Q>(args->q, args->cols, width) ||
        !bit_row_fits<T>(args->operand, args->cols, width))
        return false;
    bit_row_held<width>(args->cols, [&](auto kind) {
        swiglu_quantise<typename decltype(kind)::row, T, Q, MADE>
            <<<kind.blocks(args->rows), kind.THREADS, 0, exec->gpu->stream>>>(*args);
    });
    return true;
}

template <typename T, typename Q>
static bool forward_held(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    constexpr enum bit_made made = std::is_same_v<Q, int8_t> ? BIT_MADE_CODES : BIT_MADE_ANY;

    return args->operand == NULL ? forward_made<T, Q, BIT_MADE_NONE>(exec, args) : forward_made<T, Q, made>(exec, args);
}

template <typename T>
static bool backward_held(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args)
{
    constexpr int width = 16 / (int)sizeof(T);

    if (!bit_row_fits<T>(args->ug, args->cols, width) || !bit_row_fits<T>(args->dn, args->cols, width) ||
        !bit_row_fits<T>(args->dug, args->cols, width) || !bit_row_fits<T>(args->operand.to, args->cols, width) ||
        (args->operand.to != NULL && args->operand.dtype != args->dtype))
        return false;
    bit_for_made(bit_made_of(args->operand), [&](auto made) {
        bit_row_held<width>(args->cols, [&](auto kind) {
            swiglu_norm_backward<typename decltype(kind)::row, T, decltype(made)::value>
                <<<kind.blocks(args->rows), kind.THREADS, 0, exec->gpu->stream>>>(*args);
        });
    });
    return true;
}

/* To codes, or to blends in the dtype of up and gate. */
static bool forward_fast(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    const bool codes = args->q_dtype == BIT_I8;

    if (!codes && args->q_dtype != args->dtype)
        return false;
    if (args->dtype == BIT_F32)
        return codes ? forward_held<float, int8_t>(exec, args) : forward_held<float, float>(exec, args);
    return codes ? forward_held<__nv_bfloat16, int8_t>(exec, args)
                 : forward_held<__nv_bfloat16, __nv_bfloat16>(exec, args);
}

extern "C" int bit_swiglu_quantise_cuda(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    int err = bit_swiglu_quantise_check(args);

    if (err < 0 || (err = bit_row_check("swiglu_quantise", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (!forward_fast(exec, args))
        bit_for_made(args->operand == NULL ? BIT_MADE_NONE : BIT_MADE_ANY, [&](auto made) {
            swiglu_quantise<bit_streamed, bit_any, bit_any, decltype(made)::value>
                <<<(unsigned)args->rows, bit_streamed::THREADS, 0, exec->gpu->stream>>>(*args);
        });
    return bit_gpu_launched("swiglu_quantise");
}

static int backward_without_norm(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args)
{
    const struct bit_swiglu_backward_args plain = {args->rows,  args->cols, args->ug,    args->dn,
                                                   args->dtype, args->dug,  args->dtype, NULL};

    return bit_swiglu_backward_cuda(exec, &plain);
}

extern "C" int bit_swiglu_norm_backward_cuda(const struct bit_exec *exec,
                                             const struct bit_swiglu_norm_backward_args *args)
{
    int err = bit_swiglu_norm_backward_check(args);

    if (err < 0 || (err = bit_row_check("swiglu_norm_backward", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (args->kind == BIT_NORM_NONE && args->operand.to == NULL)
        return backward_without_norm(exec, args);
    if (!(args->dtype == BIT_F32 ? backward_held<float>(exec, args) : backward_held<__nv_bfloat16>(exec, args)))
        bit_for_made(args->operand.to == NULL ? BIT_MADE_NONE : BIT_MADE_ANY, [&](auto made) {
            swiglu_norm_backward<bit_streamed, bit_any, decltype(made)::value>
                <<<(unsigned)args->rows, bit_streamed::THREADS, 0, exec->gpu->stream>>>(*args);
        });
    return bit_gpu_launched("swiglu_norm_backward");
}
