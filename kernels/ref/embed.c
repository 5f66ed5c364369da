/* Token embedding, the reference. */
#include "kernels/embed.h"

#include "kernels/args.h"

int bit_embed_ref(const struct bit_exec *exec, const struct bit_embed_args *args)
{
    const int64_t cols = args->cols;
    int err = bit_embed_check(args);

    if (err >= 0)
        err = bit_check_ids("embed", args->ids, args->rows, args->vocab);
    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++)
        for (int64_t c = 0; c < cols; c++)
            bit_element_set(args->y, args->y_dtype, r * cols + c,
                            bit_element(args->table, args->table_dtype, args->ids[r] * cols + c));
    return 0;
}

/* Added in f32 and in order of r, as the contract says: the other variants must give the same bits. */
int bit_embed_backward_ref(const struct bit_exec *exec, const struct bit_embed_backward_args *args)
{
    const int64_t cols = args->cols;
    int err = bit_embed_backward_check(args);

    if (err >= 0)
        err = bit_check_ids("embed_backward", args->ids, args->rows, args->vocab);
    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++)
        for (int64_t c = 0; c < cols; c++)
            args->dtable[args->ids[r] * cols + c] += bit_element(args->dy, args->dy_dtype, r * cols + c);
    return 0;
}
