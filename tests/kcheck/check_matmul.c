/* Matrix products of the 16-bit phase. */
#include "kernels/matmul.h"
#include "tests/kcheck/peer.h"

/*
 * Terms a b are of order one. Each of k additions in f32 has an error of up to 2^-24 of a partial sum of order sqrt(k),
 * in either direction: k 2^-24 in all, multiplied by four for the tails. Products of bf16 are exact.
 */
static struct kc_near sum_near(int64_t k)
{
    return KC_NEAR(1e-6, (double)k * 0x1p-22);
}

static int check_matmul(struct kc *k, const int64_t *dim)
{
    const int64_t m = dim[1], n = dim[2], depth = dim[3];
    const enum bit_dtype ab = (enum bit_dtype)dim[4], c = (enum bit_dtype)dim[5];

    kc_workspace(k, bit_matmul_workspace(kc_backend(k), kc_threads(k)));
    struct bit_matmul_args args = {
        .form = (enum bit_matmul_form)dim[0],
        .m = m,
        .n = n,
        .k = depth,
        .a = kc_in(k, "a", ab, m * depth, 1),
        .b = kc_in(k, "b", ab, n * depth, 1),
        .ab_dtype = ab,
        .c_dtype = c,
    };
    args.c = kc_sum_onto(k, "c", (enum kc_addend)dim[6], c, m * n, sum_near(depth), &args.addend);
    return kc_call(k, &args);
}

static void cost_matmul(const int64_t *dim, struct kc_cost *out)
{
    const double ab = (double)bit_dtype_bytes((enum bit_dtype)dim[4]),
                 c = (double)bit_dtype_bytes((enum bit_dtype)dim[5]);
    const double m = (double)dim[1], n = (double)dim[2], k = (double)dim[3];

    out->bytes = ab * (m * k + n * k) + c * m * n * (dim[6] ? 2 : 1);
    out->flops = 2 * m * n * k;
    out->multiplied = (enum bit_dtype)dim[4];
}

/* Shapes at the edges of a tile (6 or 12 rows; 8, 16, 64 columns), of a word of k (odd k), of a run (1024 in bf16, 512
 * in f32), of a block; then the products of a 20M model (width 256, up and gate 2048, 1024 rows of its head at a time)
 * and of OLMo-1B (width 2048). */
static const struct kc_shape shapes[] = {
    {KC_QUICK, {BIT_MATMUL_NT, 1, 1, 1, BIT_F32, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_NT, 1, 1, 1, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {BIT_MATMUL_NN, 3, 5, 0, BIT_BF16, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_NN, 3, 5, 0, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NT, 0, 7, 9, BIT_F32, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_NT, 7, 65, 33, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NN, 7, 65, 33, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {BIT_MATMUL_TN, 7, 65, 33, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NT, 13, 17, 31, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NN, 13, 17, 31, BIT_F32, BIT_BF16, 0}},
    {KC_QUICK, {BIT_MATMUL_TN, 13, 17, 31, BIT_F32, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_NT, 100, 130, 1026, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NN, 100, 130, 1025, BIT_BF16, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_TN, 130, 100, 1025, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_TN, 200, 100, 513, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {BIT_MATMUL_NT, 20, 70, 8200, BIT_BF16, BIT_BF16, 0}}, /* partial sums kept */
    {KC_QUICK, {BIT_MATMUL_NN, 20, 70, 5000, BIT_F32, BIT_BF16, 0}},
    {KC_QUICK, {BIT_MATMUL_NT, 13, 70, 1100, BIT_BF16, BIT_F32, KC_ADDEND_APART}}, /* two runs of k */
    {KC_QUICK, {BIT_MATMUL_TN, 13, 17, 31, BIT_F32, BIT_F32, KC_ADDEND_APART}},
    {KC_QUICK, {BIT_MATMUL_NN, 3, 5, 0, BIT_BF16, BIT_F32, KC_ADDEND_APART}},
    {KC_QUICK, {BIT_MATMUL_NT, 7, 65, 33, BIT_BF16, BIT_BF16, KC_ADDEND_APART}}, /* a residual stream of bf16 */
    {KC_QUICK, {BIT_MATMUL_NT, 7, 65, 34, BIT_BF16, BIT_BF16, KC_ADDEND_IN_PLACE}},
    {KC_QUICK, {BIT_MATMUL_NT, 100, 136, 1088, BIT_BF16, BIT_BF16, KC_ADDEND_APART}},
    {KC_QUICK, {BIT_MATMUL_NT, 20, 70, 8200, BIT_BF16, BIT_BF16, KC_ADDEND_APART}}, /* partial sums kept */
    {KC_QUICK, {BIT_MATMUL_NN, 3, 5, 0, BIT_BF16, BIT_BF16, KC_ADDEND_APART}},
    {KC_FULL, {BIT_MATMUL_NT, 1100, 600, 8200, BIT_BF16, BIT_BF16, 0}}, /* and more rows than their scratch has */
    {KC_FULL, {BIT_MATMUL_NT, 200, 2100, 256, BIT_BF16, BIT_F32, 0}},
    {KC_BENCH, {BIT_MATMUL_NT, 2048, 768, 256, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_NT, 2048, 2048, 256, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_NT, 2048, 256, 256, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_NT, 2048, 256, 1024, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_NN, 2048, 256, 768, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_NN, 2048, 256, 256, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_NN, 2048, 256, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_NN, 2048, 1024, 256, BIT_BF16, BIT_BF16, 0}},
    {KC_BENCH, {BIT_MATMUL_TN, 768, 256, 2048, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_TN, 256, 256, 2048, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_TN, 2048, 256, 2048, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_TN, 256, 1024, 2048, BIT_BF16, BIT_F32, 1}},
    {KC_LARGE, {BIT_MATMUL_NT, 1024, 50304, 256, BIT_BF16, BIT_BF16, 0}},
    {KC_LARGE, {BIT_MATMUL_NN, 1024, 256, 50304, BIT_BF16, BIT_BF16, 0}},
    {KC_LARGE, {BIT_MATMUL_TN, 50304, 256, 1024, BIT_BF16, BIT_F32, 1}},
    {KC_LARGE, {BIT_MATMUL_NT, 2048, 2048, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_LARGE, {BIT_MATMUL_NN, 2048, 2048, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_LARGE, {BIT_MATMUL_TN, 2048, 2048, 2048, BIT_BF16, BIT_F32, 1}},
    {KC_BENCH, {BIT_MATMUL_NT, 2048, 2048, 256, BIT_F32, BIT_F32, 0}},
    {KC_QUICK, {BIT_MATMUL_NT, 300, 520, 272, BIT_BF16, BIT_BF16, 0}},
    {KC_QUICK, {BIT_MATMUL_TN, 136, 264, 2048, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}}, /* few tiles, long sums */
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 6144, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 2048, 2048, BIT_BF16, BIT_F32, KC_ADDEND_APART}},
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 16384, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 2048, 8192, BIT_BF16, BIT_F32, KC_ADDEND_APART}},
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 2048, 2048, BIT_BF16, BIT_BF16, KC_ADDEND_APART}},
    {KC_HUGE, {BIT_MATMUL_NT, 16384, 2048, 8192, BIT_BF16, BIT_BF16, KC_ADDEND_APART}},
    {KC_HUGE, {BIT_MATMUL_NN, 16384, 2048, 6144, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_NN, 16384, 2048, 16384, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_NN, 16384, 8192, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_TN, 6144, 2048, 16384, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_HUGE, {BIT_MATMUL_TN, 2048, 2048, 16384, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_HUGE, {BIT_MATMUL_TN, 16384, 2048, 16384, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_HUGE, {BIT_MATMUL_TN, 2048, 8192, 16384, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}},
    {KC_HUGE, {BIT_MATMUL_NT, 4096, 50304, 2048, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_NN, 4096, 2048, 50304, BIT_BF16, BIT_BF16, 0}},
    {KC_HUGE, {BIT_MATMUL_TN, 50304, 2048, 4096, BIT_BF16, BIT_F32, KC_ADDEND_IN_PLACE}},
};
KC_OP(matmul, "form m n k ab:t c:t addend", shapes, check_matmul, cost_matmul, KC_DETERMINISTIC,
      .peers = {[KC_PEER_ONEDNN] = kc_onednn_matmul})
