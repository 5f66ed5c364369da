/* The norms' gradient: each row of x, dy and the old dx is read once, if it can be held in registers (row.cuh). */
#include "kernels/cuda/quantise.cuh"

template <typename Row, typename X, typename Dy, typename Dx, typename Copy, enum bit_made MADE>
static __global__ void __launch_bounds__(Row::THREADS, Row::BLOCKS)
    norm_backward(const struct bit_norm_backward_args args)
{
    __shared__ float shared[Row::SHARED];
    const Row row(args.cols);
    const int64_t r = Row::index(), at = r * args.cols;

    if (r >= args.rows)
        return;
    const auto x = row.template load<X>(args.x, args.x_dtype, at);
    const auto dy = row.template load<Dy>(args.dy, args.dy_dtype, at);
    const auto old = row.template load<Dx>(args.accumulate ? args.dx : NULL, args.dx_dtype, at);
    const bit_row_norm norm = bit_row_norm_kept(args.kind, args.mean, args.rstd, r);

    if constexpr (MADE != BIT_MADE_NONE) {
        const auto operand = bit_row_operand_of<MADE>(args.operand, norm, r);
        row.store([&](int i, int c) { return operand(x(i, c)); },
                  bit_sink<Copy>(args.operand.to, args.operand.dtype, at));
    }
    const bit_row_norm_gradient gradient = bit_row_norm_gradient_of(row, x, dy, args.kind, norm, args.var_factor,
                                                                    shared);
    row.store(
        [&](int i, int c) {
            const float dx = gradient(x(i, c), dy(i, c));
            return args.accumulate ? __fadd_rn(old(i, c), dx) : dx;
        },
        bit_sink<Dx>(args.dx, args.dx_dtype, at), bit_sink<Copy>(args.copy, args.copy_dtype, at));
}

template <typename X, typename Dy, typename Dx, typename Copy>
static bool launch_held(const struct bit_exec *exec, const struct bit_norm_backward_args *args)
{
    constexpr int width = 16 / (int)sizeof(X);

    if (!bit_row_fits<X>(args->x, args->cols, width) || !bit_row_fits<Dy>(args->dy, args->cols, width) ||
        !bit_row_fits<Dx>(args->dx, args->cols, width) || !bit_row_fits<Copy>(args->copy, args->cols, width) ||
        !bit_row_fits<Copy>(args->operand.to, args->cols, width))
        return false;
    bit_for_made(bit_made_of(args->operand), [&](auto made) {
        bit_row_held<width>(args->cols, [&](auto kind) {
            norm_backward<typename decltype(kind)::row, X, Dy, Dx, Copy, decltype(made)::value>
                <<<kind.blocks(args->rows), kind.THREADS, 0, exec->gpu->stream>>>(*args);
        });
    });
    return true;
}

/* The combinations of dtypes that a model uses: dx on the residual stream with a copy in the operands' dtype, or dx
 * between activations; a recomputed operand has the operands' dtype. */
static bool launch_fast(const struct bit_exec *exec, const struct bit_norm_backward_args *args)
{
    const bool f32 = args->dy_dtype == BIT_F32, copy_as_dy = args->copy == NULL || args->copy_dtype == args->dy_dtype;
    const bool operand_as_dy = args->operand.to == NULL || args->operand.dtype == args->dy_dtype;

    if (!copy_as_dy || !operand_as_dy || args->x_dtype != args->dx_dtype)
        return false;
    if (args->x_dtype == BIT_BF16)
        return !f32 && launch_held<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16, __nv_bfloat16>(exec, args);
    return f32 ? launch_held<float, float, float, float>(exec, args)
               : launch_held<float, __nv_bfloat16, float, __nv_bfloat16>(exec, args);
}

extern "C" int bit_norm_backward_cuda(const struct bit_exec *exec, const struct bit_norm_backward_args *args)
{
    int err = bit_norm_backward_check(args);

    if (err < 0 || (err = bit_row_check("norm_backward", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (!launch_fast(exec, args))
        bit_for_made(args->operand.to == NULL ? BIT_MADE_NONE : BIT_MADE_ANY, [&](auto made) {
            norm_backward<bit_streamed, bit_any, bit_any, bit_any, bit_any, decltype(made)::value>
                <<<(unsigned)args->rows, bit_streamed::THREADS, 0, exec->gpu->stream>>>(*args);
        });
    return bit_gpu_launched("norm_backward");
}
