/* Causal attention over sequences with shared prefixes. */
#include "kernels/attention_branches.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/* As in check_attention.c: the same arithmetic over the same number of keys. */
static struct kc_near near_for(enum bit_dtype dtype)
{
    return KC_OF_MAX(dtype == BIT_F32 ? 2e-5 : 0x1p-6, 0);
}

/* dim: families, rows of a trunk, branches per trunk, rows of the longest branch. Each family is its trunk, which is a
 * sequence, too, and then its branches, each of another length. Every second trunk is a row shorter, so that ranges
 * begin at any offset. Returns the number of rows; branches may be NULL. */
static int64_t lay_families(const int64_t *dim, struct bit_branch *branches)
{
    int64_t row = 0;

    for (int64_t f = 0; f < dim[0]; f++) {
        const int64_t trunk = BIT_MAX(dim[1] - f % 2, 1), first = row;

        for (int64_t b = 0; b <= dim[2]; b++) {
            const int64_t rows = b == 0 ? trunk : BIT_MAX(dim[3] - 5 * (b - 1), 1);

            if (branches != NULL)
                *branches++ = (struct bit_branch){(int32_t)row, (int32_t)rows, (int32_t)first,
                                                  b == 0 ? 0 : (int32_t)trunk};
            row += rows;
        }
    }
    return row;
}

static int check_attention_branches(struct kc *k, const int64_t *dim)
{
    const int64_t rows = lay_families(dim, NULL), count = dim[0] * (dim[2] + 1), head = dim[4] * dim[5];
    const enum bit_dtype dtype = (enum bit_dtype)dim[6];
    int32_t *branches = kc_room(k, "branches", KC_I32, count * 4);
    const struct bit_attention_branches_args args = {
        .rows = rows,
        .heads = dim[4],
        .head_dim = dim[5],
        .time = dim[1] + dim[3],
        .branches = (const struct bit_branch *)branches,
        .count = count,
        .qkv = kc_in(k, "qkv", dtype, rows * 3 * head, 1.5),
        .out = kc_out(k, "out", (enum kc_type)dtype, rows * head, near_for(dtype)),
        .dtype = dtype,
    };

    lay_families(dim, (struct bit_branch *)branches);
    kc_workspace(k, bit_attention_branches_workspace(kc_backend(k), kc_threads(k), args.time, args.head_dim));
    return kc_call(k, &args);
}

/* Two products over the keys that each row sees. */
static void cost_attention_branches(const int64_t *dim, struct kc_cost *out)
{
    const double trunk = (double)dim[1], branch = (double)dim[3];
    const double seen = trunk * (trunk + 1) / 2 + (double)dim[2] * branch * (trunk + (branch + 1) / 2);

    out->flops = 4 * (double)(dim[0] * dim[4] * dim[5]) * seen;
    out->multiplied = (enum bit_dtype)dim[6];
    out->bytes = 4.0 * (double)(lay_families(dim, NULL) * dim[4] * dim[5]) *
                 (double)bit_dtype_bytes((enum bit_dtype)dim[6]);
}

static const struct kc_shape shapes[] = {
    {KC_QUICK, {1, 1, 0, 1, 1, 2, BIT_F32}},        {KC_QUICK, {2, 1, 3, 1, 2, 6, BIT_BF16}},
    {KC_QUICK, {3, 5, 2, 7, 3, 16, BIT_F32}},       {KC_QUICK, {2, 64, 3, 64, 2, 32, BIT_BF16}},
    {KC_QUICK, {2, 65, 2, 70, 1, 64, BIT_BF16}},    {KC_QUICK, {1, 130, 3, 33, 2, 128, BIT_F32}},
    {KC_QUICK, {2, 129, 4, 40, 3, 128, BIT_BF16}},  {KC_QUICK, {1, 70, 1, 200, 1, 80, BIT_BF16}},
    {KC_QUICK, {1, 40, 2, 30, 1, 256, BIT_BF16}},   {KC_QUICK, {1, 33, 2, 34, 1, 256, BIT_F32}},
    {KC_QUICK, {7, 20, 0, 1, 2, 34, BIT_BF16}},     {KC_QUICK, {5, 63, 5, 17, 4, 64, BIT_F32}},
    {KC_FULL, {1, 2000, 3, 48, 2, 128, BIT_BF16}},  {KC_FULL, {1, 300, 1, 900, 2, 64, BIT_F32}},
    {KC_FULL, {20, 90, 4, 40, 4, 64, BIT_BF16}},    {KC_BENCH, {24, 60, 4, 30, 8, 64, BIT_BF16}},
    {KC_BENCH, {24, 60, 4, 30, 8, 64, BIT_F32}},    {KC_HUGE, {24, 60, 4, 30, 16, 128, BIT_BF16}},
    {KC_HUGE, {2, 1800, 4, 40, 16, 128, BIT_BF16}},
};

KC_OP(attention_branches, "families trunk branches longest heads head_dim dtype:t", shapes, check_attention_branches,
      cost_attention_branches, KC_DETERMINISTIC | KC_COSTLY)
