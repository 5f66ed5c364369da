/*
 * The ternary linear layer on a GPU. The forward pass at full strength is our own int8 product; everything else is a
 * floating-point product by cuBLASLt, with passes before it (int8 to float) or after it (scales). The passes work on
 * one piece at a time in scratch.
 */
#include "kernels/cuda/gemm/bitlinear.h"

#include "config.h"
#include "kernels/args.h"
#include "kernels/cuda/gpu.h"

static int check_workspace(const struct bit_exec *exec, int64_t m, int64_t n, int64_t k)
{
    const size_t need = bit_bitlinear_workspace(BIT_BACKEND_CUDA, 0, m, n, k);

    if (exec->workspace_bytes < need)
        return bit_fail(-ENOMEM, "bitlinear needs %zu bytes of workspace, and has %zu", need, exec->workspace_bytes);
    return 0;
}

static void *scratch_of(const struct bit_exec *exec)
{
    return (char *)exec->workspace + BIT_BLAS_WORKSPACE + BIT_FACTOR_BYTES;
}

static const void *offset(const void *p, enum bit_dtype dtype, int64_t elements)
{
    return (const char *)p + elements * (int64_t)bit_dtype_bytes(dtype);
}

/* ---- forward */

/* Below strength 1: blends are not integers, and their sums are f32. */
static int blended(const struct bit_exec *exec, const struct bit_bitlinear_args *args)
{
    const int64_t rows = bit_piece_rows(args->m, (size_t)args->n * 4, BIT_SUMS_BYTES);
    float *sums = scratch_of(exec);
    int err = 0;

    for (int64_t i = 0; err >= 0 && i < args->m; i += rows) {
        const struct bit_blas_args part = {
            .form = BIT_MATMUL_NT,
            .m = BIT_MIN(rows, args->m - i),
            .n = args->n,
            .k = args->k,
            .a = offset(args->q, args->qw_dtype, i * args->k),
            .b = args->w,
            .a_row = args->k,
            .b_row = args->k,
            .ab_dtype = args->qw_dtype,
            .c = sums,
            .c_row = args->n,
            .c_dtype = BIT_F32,
        };
        err = bit_blas_cuda(exec, &part);
        if (err >= 0)
            err = bit_scale_pass_cuda(exec, args, sums, i, part.m);
    }
    return err;
}

int bit_bitlinear_cuda(const struct bit_exec *exec, const struct bit_bitlinear_args *args)
{
    int err = bit_bitlinear_check(args);

    if (err >= 0)
        err = check_workspace(exec, args->m, args->n, args->k);
    if (err < 0 || args->m == 0)
        return err;
    if (args->qw_dtype != BIT_I8)
        return blended(exec, args);
    if (BIT_HAVE_SM90A && bit_ternary_gemm_sm90_takes(exec, args))
        return bit_ternary_gemm_sm90(exec, args);
    return bit_ternary_gemm_sm80(exec, args);
}

/* ---- the gradient with respect to the input */

/* One round computes `cols` columns of dn from the same columns of w, in dy's dtype. */
struct data_round {
    const void *w;
    int64_t w_row, col, cols;
    float *factors, *sums; /* sums NULL: products are written to dn directly */
};

/* Rows [i, i + rows): each segment's product is scaled in f32 and added to the sum of the previous ones. */
static int data_products(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args,
                         const struct data_round *round, int64_t i, int64_t rows, const struct bit_blas_args *to)
{
    const struct bit_segments *s = &args->segments;
    struct bit_blas_args part = *to;
    int64_t at = 0;
    int err = 0;

    part.form = BIT_MATMUL_NN;
    part.m = rows;
    part.n = round->cols;
    part.a_row = args->n;
    part.b_row = round->w_row;
    part.ab_dtype = args->dy_dtype;
    part.beta = round->factors + BIT_FACTOR_ZERO;
    for (int segment = 0; err >= 0 && segment < s->count; at += s->rows[segment++]) {
        if (s->rows[segment] == 0)
            continue;
        part.k = s->rows[segment];
        part.a = offset(args->dy, args->dy_dtype, i * args->n + at);
        part.b = offset(round->w, args->dy_dtype, at * round->w_row);
        part.alpha = round->factors + segment;
        err = bit_blas_cuda(exec, &part);
        part.beta = round->factors + BIT_FACTOR_ONE;
        part.addend = part.c_dtype == BIT_F32 ? part.c : NULL;
    }
    return err;
}

static int data_columns(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args,
                        const struct data_round *round)
{
    const int64_t rows = round->sums == NULL ? args->m
                                             : bit_piece_rows(args->m, (size_t)args->k * sizeof(float), BIT_SUMS_BYTES);
    int err = 0;

    for (int64_t i = 0; err >= 0 && i < args->m; i += rows) {
        const int64_t some = BIT_MIN(rows, args->m - i);
        void *dn = (char *)args->dn + (i * args->k + round->col) * (int64_t)bit_dtype_bytes(args->dn_dtype);
        const struct bit_blas_args to = {
            .c = round->sums != NULL ? round->sums : dn,
            .c_row = round->sums != NULL ? round->cols : args->k,
            .c_dtype = round->sums != NULL ? BIT_F32 : args->dn_dtype,
        };
        const struct bit_convert_pass rounded = {
            .rows = some,
            .cols = round->cols,
            .from = round->sums,
            .from_dtype = BIT_F32,
            .from_row = round->cols,
            .to = dn,
            .to_dtype = args->dn_dtype,
            .to_row = args->k,
        };

        err = data_products(exec, args, round, i, some, &to);
        if (err >= 0 && round->sums != NULL)
            err = bit_convert_pass_cuda(exec, &rounded);
    }
    return err;
}

/* If w has another dtype than dy: converts as many columns of w at a time as scratch holds. */
static int data_expanded(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args,
                         struct data_round round)
{
    const size_t column_bytes = (size_t)args->n * bit_dtype_bytes(args->dy_dtype);
    const int64_t all = bit_piece_rows(args->k, column_bytes, BIT_CODES_BYTES);
    const int64_t cols = all < args->k && all > 64 ? all / 64 * 64 : all;
    void *numbers = scratch_of(exec);
    int err = 0;

    round.w = numbers;
    for (round.col = 0; err >= 0 && round.col < args->k; round.col += cols) {
        round.cols = round.w_row = BIT_MIN(cols, args->k - round.col);
        const struct bit_convert_pass columns = {
            .rows = args->n,
            .cols = round.cols,
            .from = offset(args->w, args->w_dtype, round.col),
            .from_dtype = args->w_dtype,
            .from_row = args->k,
            .to = numbers,
            .to_dtype = args->dy_dtype,
            .to_row = round.w_row,
        };

        err = bit_convert_pass_cuda(exec, &columns);
        if (err >= 0)
            err = data_columns(exec, args, &round);
    }
    return err;
}

int bit_bitlinear_backward_data_cuda(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args)
{
    struct data_round round = {.w = args->w, .w_row = args->k, .cols = args->k};
    int err = bit_bitlinear_backward_data_check(args);

    if (err >= 0)
        err = check_workspace(exec, args->m, args->n, args->k);
    if (err < 0 || args->m == 0)
        return err;
    round.factors = (float *)((char *)exec->workspace + BIT_BLAS_WORKSPACE);
    /* so that bf16 sums are rounded once, at the end; and cuBLASLt has no f32 product with a bf16 result */
    if (args->dn_dtype == BIT_BF16 && (args->segments.count > 1 || args->dy_dtype == BIT_F32))
        round.sums = (float *)((char *)scratch_of(exec) +
                               bit_round_up((int64_t)bit_piece_bytes(args->k, (size_t)args->n * 4, BIT_CODES_BYTES),
                                            256));
    err = bit_factors_pass_cuda(exec, &args->segments, round.factors);
    if (err < 0)
        return err;
    return args->w_dtype == args->dy_dtype ? data_columns(exec, args, &round) : data_expanded(exec, args, round);
}
