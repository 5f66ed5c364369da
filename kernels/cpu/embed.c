/* Token embedding: any thread gathers a row; the thread that owns an id adds its gradients. */
#include "kernels/embed.h"

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/team.h"

int BIT_ISA(embed)(const struct bit_exec *exec, const struct bit_embed_args *args)
{
    const int64_t cols = args->cols;
    int err = bit_embed_check(args);

    if (err >= 0)
        err = bit_check_ids("embed", args->ids, args->rows, args->vocab);
    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++)
        for (int64_t c = 0; c < cols; c += BIT_LANES)
            vf_store_upto(args->y, args->y_dtype, r * cols + c, cols - c,
                          vf_load_upto(args->table, args->table_dtype, args->ids[r] * cols + c, cols - c, 0));
    return 0;
}

static void add_row(const struct bit_embed_backward_args *args, int64_t r)
{
    const int64_t cols = args->cols, at = r * cols;
    float *sum = args->dtable + args->ids[r] * cols;

    for (int64_t c = 0; c < cols; c += BIT_LANES)
        vf_store_upto(sum, BIT_F32, c, cols - c,
                      vf_load_upto(sum, BIT_F32, c, cols - c, 0) +
                          vf_load_upto(args->dy, args->dy_dtype, at + c, cols - c, 0));
}

/* Every thread reads all ids, which are few bytes, and adds the rows of its own ids in order of r. */
int BIT_ISA(embed_backward)(const struct bit_exec *exec, const struct bit_embed_backward_args *args)
{
    int err = bit_embed_backward_check(args);

    if (err >= 0)
        err = bit_check_ids("embed_backward", args->ids, args->rows, args->vocab);
    if (err < 0)
        return err;
#pragma omp parallel num_threads(exec->threads)
    {
        const int me = bit_team_member(), members = bit_team_size();
        for (int64_t r = 0; r < args->rows; r++)
            if (args->ids[r] % members == me)
                add_row(args, r);
    }
    return 0;
}
