/* SwiGLU, forward and backward. */
#include "kernels/swiglu.h"

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"

/* x is clamped to -88, below which the result is subnormal. */
static inline vf sigmoid(vf x)
{
    return vf_inverse(1.0f + vf_exp(-vf_max(vf_set(-88), x)));
}

/* Rows of up and gate alternate in memory, so that both streams jump after every row, too late for the hardware
 * prefetcher. So the same columns of the next row are prefetched. */
static inline __attribute__((always_inline)) void fetch_next(const void *ug, enum bit_dtype dtype, int64_t up,
                                                             int64_t cols)
{
    vf_fetch(ug, dtype, up + 2 * cols);
    vf_fetch(ug, dtype, up + 3 * cols);
}

static void forward_row(const struct bit_swiglu_args *args, int64_t r)
{
    const int64_t cols = args->cols, up_at = r * 2 * cols, gate_at = up_at + cols;

    for (int64_t c = 0; c < cols; c += BIT_LANES) {
        fetch_next(args->ug, args->dtype, up_at + c, cols);
        const vf up = vf_load_upto(args->ug, args->dtype, up_at + c, cols - c, 0);
        const vf gate = vf_load_upto(args->ug, args->dtype, gate_at + c, cols - c, 0);
        vf_store_upto(args->y, args->dtype, r * cols + c, cols - c, up * gate * sigmoid(gate));
    }
}

int BIT_ISA(swiglu)(const struct bit_exec *exec, const struct bit_swiglu_args *args)
{
    int err = bit_swiglu_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++)
        forward_row(args, r);
    return 0;
}

/* Reads each element before it writes it, so dug may alias ug. */
static void backward_row(const struct bit_swiglu_backward_args *args, int64_t r)
{
    const int64_t cols = args->cols, up_at = r * 2 * cols, gate_at = up_at + cols;

    for (int64_t c = 0; c < cols; c += BIT_LANES) {
        fetch_next(args->ug, args->dtype, up_at + c, cols);
        const vf up = vf_load_upto(args->ug, args->dtype, up_at + c, cols - c, 0);
        const vf gate = vf_load_upto(args->ug, args->dtype, gate_at + c, cols - c, 0);
        const vf dy = vf_load_upto(args->dy, args->dy_dtype, r * cols + c, cols - c, 0);
        const vf s = sigmoid(gate), silu = gate * s;

        if (args->y != NULL)
            vf_store_upto(args->y, args->dtype, r * cols + c, cols - c, up * gate * s);
        vf_store_upto(args->dug, args->dtype, up_at + c, cols - c, dy * silu);
        vf_store_upto(args->dug, args->dtype, gate_at + c, cols - c, dy * up * (s + silu * (1.0f - s)));
    }
}

int BIT_ISA(swiglu_backward)(const struct bit_exec *exec, const struct bit_swiglu_backward_args *args)
{
    int err = bit_swiglu_backward_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++)
        backward_row(args, r);
    return 0;
}
