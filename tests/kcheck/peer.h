/* What an operator is timed against: other ways to the same product, on the same buffers. */
#ifndef BIT_TESTS_KCHECK_PEER_H
#define BIT_TESTS_KCHECK_PEER_H

#include "tests/kcheck/kcheck.h"

/* One product made ready: run it as often as you like. */
struct kc_peer_call {
    void *state;
    int (*run)(void *state);
    void (*destroy)(void *state);
};

/** oneDNN's matmul of a struct bit_matmul_args, plain row-major operands as the worker has them. The reordered weights
 * that oneDNN likes better are for those who multiply with one weight many times; in training each lasts a step. */
int kc_onednn_matmul(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);
/** "onednn 2.6.3", or "" in a build without it. */
const char *kc_onednn_name(void);

/** Our own bf16 product of the same shape as a struct bit_bitlinear_args, ..._backward_data_args: what the 16-bit phase
 * does in its place. Operands of its own, since their types differ. */
int kc_bf16_forward(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);
int kc_bf16_backward_data(const struct bit_exec *exec, const void *args, struct kc_peer_call *out);

#endif
