/* The peers that an operator is timed against: other implementations of the same product. */
#ifndef BIT_TESTS_KCHECK_PEER_H
#define BIT_TESTS_KCHECK_PEER_H

#include "tests/kcheck/kcheck.h"

/* One prepared product, which can be run repeatedly. */
struct kc_peer_call {
    void *state;
    int (*run)(void *state);
    void (*destroy)(void *state);
};

/** oneDNN's matmul of a struct bit_matmul_args, on the same plain row-major operands. oneDNN is faster with reordered
 * weights, but reordering pays only if a weight is used many times; in training it changes every step. */
int kc_onednn_matmul(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);
/** "onednn 2.6.3", or "" in a build without it. */
const char *kc_onednn_name(void);

/** Our own bf16 product of the same shape as a struct bit_bitlinear_args, ..._backward_data_args, which the 16-bit
 * phase runs instead. It has its own operands, since their types differ. */
int kc_bf16_forward(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);
int kc_bf16_backward_data(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);

#endif
