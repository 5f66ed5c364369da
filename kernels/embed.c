/* The token embedding: checks of its arguments, and its scratch memory. */
#include "kernels/embed.h"

#include "kernels/args.h"
#include "proto/limits.h"

static int check_vocab(const char *name, int64_t vocab)
{
    if (vocab < 1 || vocab > BIT_VOCAB_MAX)
        return bit_fail(-EINVAL, "%s: vocabulary of %lld", name, (long long)vocab);
    return 0;
}

int bit_check_ids(const char *name, const uint32_t *ids, int64_t rows, int64_t vocab)
{
    for (int64_t r = 0; r < rows; r++)
        if (ids[r] >= vocab)
            return bit_fail(-EINVAL, "%s: id %u at row %lld is beyond %lld", name, ids[r], (long long)r,
                            (long long)vocab);
    return 0;
}

int bit_embed_check(const struct bit_embed_args *args)
{
    int err = bit_check_shape("embed", args->rows, args->cols);

    if (err < 0)
        return err;
    err = bit_check_float("embed table", args->table_dtype);
    if (err >= 0)
        err = bit_check_float("embed y", args->y_dtype);
    return err < 0 ? err : check_vocab("embed", args->vocab);
}

int bit_embed_backward_check(const struct bit_embed_backward_args *args)
{
    int err = bit_check_shape("embed_backward", args->rows, args->cols);

    if (err >= 0)
        err = bit_check_float("embed_backward dy", args->dy_dtype);
    return err < 0 ? err : check_vocab("embed_backward", args->vocab);
}

/* A GPU sorts rows by id: a count and an offset for each id, one sum of counts, and three lists of rows. */
size_t bit_embed_backward_workspace(enum bit_backend backend, int64_t rows, int64_t vocab)
{
    return backend == BIT_BACKEND_CUDA ? (size_t)(2 * vocab + 1 + 3 * rows) * sizeof(int32_t) : 0;
}
