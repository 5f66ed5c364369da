/* LayerNorm and RMSNorm without parameters: each row is read once, if it can be held in registers (row.cuh). */
#include "kernels/cuda/norm.cuh"

template <typename Row, typename X, typename Y>
static __global__ void __launch_bounds__(Row::THREADS, Row::BLOCKS) norm(const struct bit_norm_args args)
{
    __shared__ float shared[Row::SHARED];
    const Row row(args.cols);
    const int64_t r = Row::index(), at = r * args.cols;

    if (r >= args.rows)
        return;
    const auto x = row.template load<X>(args.x, args.x_dtype, at);
    const bit_row_norm of_row = bit_row_norm_of(row, x, args.kind, args.eps, shared);
    row.store([&](int i, int c) { return of_row(x(i, c)); }, bit_sink<Y>(args.y, args.y_dtype, at));
    if (row.thread() != 0)
        return;
    if (args.mean != NULL)
        args.mean[r] = of_row.mean;
    if (args.rstd != NULL)
        args.rstd[r] = of_row.rstd;
}

template <typename X, typename Y> static bool launch_held(const struct bit_exec *exec, const struct bit_norm_args *args)
{
    constexpr int width = 16 / (int)sizeof(X);

    if (!bit_row_fits<X>(args->x, args->cols, width) || !bit_row_fits<Y>(args->y, args->cols, width))
        return false;
    bit_row_held<width>(args->cols, [&](auto kind) {
        norm<typename decltype(kind)::row, X, Y>
            <<<kind.blocks(args->rows), kind.THREADS, 0, exec->gpu->stream>>>(*args);
    });
    return true;
}

static bool launch_fast(const struct bit_exec *exec, const struct bit_norm_args *args)
{
    if (args->x_dtype == BIT_F32)
        return args->y_dtype == BIT_F32 ? launch_held<float, float>(exec, args)
                                        : launch_held<float, __nv_bfloat16>(exec, args);
    return args->y_dtype == BIT_BF16 && launch_held<__nv_bfloat16, __nv_bfloat16>(exec, args);
}

extern "C" int bit_norm_cuda(const struct bit_exec *exec, const struct bit_norm_args *args)
{
    int err = bit_norm_check(args);

    if (err < 0 || (err = bit_row_check("norm", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (!launch_fast(exec, args))
        norm<bit_streamed, bit_any, bit_any>
            <<<(unsigned)args->rows, bit_streamed::THREADS, 0, exec->gpu->stream>>>(*args);
    return bit_gpu_launched("norm");
}
