/* The transposition of a matrix. */
#include "kernels/transpose.h"
#include "tests/kcheck/kcheck.h"

static int check_transpose(struct kc *k, const int64_t *dim)
{
    const struct bit_transpose_args args = {
        .rows = dim[0],
        .cols = dim[1],
        .x = kc_in_whole(k, "x", KC_I8, dim[0] * dim[1], -128, 127),
        .y = kc_out(k, "y", KC_I8, dim[0] * dim[1], KC_EXACT),
    };

    return kc_call(k, &args);
}

static void cost_transpose(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 2.0 * (double)(dim[0] * dim[1]);
    out->flops = 0;
}

static const struct kc_shape shapes[] = {
    {KC_QUICK, {0, 3}},     {KC_QUICK, {1, 1}},       {KC_QUICK, {65, 3}},
    {KC_QUICK, {64, 64}},   {KC_QUICK, {100, 132}},   {KC_QUICK, {131, 260}},
    {KC_BENCH, {768, 256}}, {KC_BENCH, {2048, 2048}}, {KC_BENCH, {16384, 2048}},
};
KC_OP(transpose, "rows cols", shapes, check_transpose, cost_transpose, KC_DETERMINISTIC)
