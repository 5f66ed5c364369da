/* Activations to int8 codes, or to blends while the strength rises: each row is read once, if it can be held in
 * registers (row.cuh). */
#include "kernels/cuda/quantise.cuh"

template <typename Row, typename X, typename Q, typename O, enum bit_made MADE>
static __global__ void __launch_bounds__(Row::THREADS, Row::BLOCKS) quantise(const struct bit_quantise_args args)
{
    __shared__ float shared[Row::SHARED];
    const Row row(args.cols);
    const int64_t r = Row::index(), at = r * args.cols;

    if (r >= args.rows)
        return;
    const auto x = row.template load<X>(args.x, args.x_dtype, at);
    const bit_row_scaled of_row = bit_row_scaled_of(row, x, args.kind, args.var_factor, args.norm_eps, args.measure,
                                                    shared);

    bit_row_store_codes<Q, O, MADE>(row, x, of_row, args, args.operand_dtype, r);
}

template <typename X, typename Q, typename O, enum bit_made MADE>
static bool launch_made(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    constexpr int width = 16 / (int)sizeof(X);

    if (!bit_row_fits<X>(args->x, args->cols, width) || !bit_row_fits<Q>(args->q, args->cols, width) ||
        !bit_row_fits<O>(args->operand, args->cols, width))
        return false;
    bit_row_held<width>(args->cols, [&](auto kind) {
        quantise<typename decltype(kind)::row, X, Q, O, MADE>
            <<<kind.blocks(args->rows), kind.THREADS, 0, exec->gpu->stream>>>(*args);
    });
    return true;
}

/* A model's operand has the dtype of the blends, and of x if x is an activation; other combinations return false. */
template <typename X, typename Q>
static bool launch_held(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    constexpr bool codes = std::is_same_v<Q, int8_t>;
    constexpr enum bit_made made = codes ? BIT_MADE_CODES : BIT_MADE_ANY;

    if (args->operand == NULL)
        return launch_made<X, Q, X, BIT_MADE_NONE>(exec, args);
    if (args->operand_dtype == BIT_BF16) {
        if constexpr (codes || std::is_same_v<Q, __nv_bfloat16>)
            return launch_made<X, Q, __nv_bfloat16, made>(exec, args);
    } else if constexpr (std::is_same_v<X, float> && !std::is_same_v<Q, __nv_bfloat16>) {
        return launch_made<X, Q, float, made>(exec, args);
    }
    return false;
}

static bool launch_fast(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    const bool from_f32 = args->x_dtype == BIT_F32;

    switch (args->q_dtype) {
    case BIT_I8:
        return from_f32 ? launch_held<float, int8_t>(exec, args) : launch_held<__nv_bfloat16, int8_t>(exec, args);
    case BIT_BF16:
        return from_f32 ? launch_held<float, __nv_bfloat16>(exec, args)
                        : launch_held<__nv_bfloat16, __nv_bfloat16>(exec, args);
    case BIT_F32:
        return from_f32 && launch_held<float, float>(exec, args);
    }
    return false;
}

extern "C" int bit_quantise_cuda(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    int err = bit_quantise_check(args);

    if (err < 0 || (err = bit_row_check("quantise", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (!launch_fast(exec, args))
        bit_for_made(args->operand == NULL ? BIT_MADE_NONE : BIT_MADE_ANY, [&](auto made) {
            quantise<bit_streamed, bit_any, bit_any, bit_any, decltype(made)::value>
                <<<(unsigned)args->rows, bit_streamed::THREADS, 0, exec->gpu->stream>>>(*args);
        });
    return bit_gpu_launched("quantise");
}
