#include <stdlib.h>

#include "kernels/bitlinear.h"
#include "kernels/matmul.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/peer.h"

#define PERIOD 1000 /* of the operands' values */
#define CHUNK  (PERIOD << 10)

struct product {
    struct bit_exec exec; /* the timed operator's, with its own workspace */
    struct bit_matmul_args args;
    void *memory;
    size_t bytes;
};

static void destroy(void *state)
{
    struct product *p = state;

    bit_exec_free(&p->exec, p->memory, p->bytes);
    free(p);
}

static int run(void *state)
{
    const struct product *p = state;

    return bit_matmul(&p->exec, &p->args);
}

/* Numbers between -1 and 1. Operands of zeros or subnormals might take another time. */
static int fill(const struct bit_exec *exec, bit_bf16 *to, int64_t count)
{
    bit_bf16 *chunk = malloc(CHUNK * sizeof *chunk);
    int err = chunk != NULL ? 0 : bit_fail(-ENOMEM, "operands of a bf16 product");

    for (int64_t i = 0; err >= 0 && i < CHUNK; i++)
        chunk[i] = bit_f32_to_bf16((float)(i * 7919 % PERIOD - PERIOD / 2) * 2e-3f);
    for (int64_t i = 0; err >= 0 && i < count; i += CHUNK)
        err = bit_exec_copy(exec, to + i, chunk, (size_t)BIT_MIN(CHUNK, count - i) * sizeof *to);
    if (err >= 0)
        err = bit_exec_wait(exec);
    free(chunk);
    return err;
}

/* Allocates one block for workspace, a, b and c. */
static int lay_out(struct product *p)
{
    const int64_t m = p->args.m, n = p->args.n, k = p->args.k;
    const size_t workspace = bit_matmul_workspace(p->exec.backend, p->exec.threads);
    const int64_t a = bit_round_up((int64_t)workspace, 256), b = bit_round_up(a + m * k * 2, 256),
                  c = bit_round_up(b + n * k * 2, 256);
    int err;

    p->bytes = (size_t)(c + m * n * (int64_t)bit_dtype_bytes(p->args.c_dtype));
    err = bit_exec_alloc(&p->exec, p->bytes, &p->memory);
    if (err < 0)
        return err;
    p->exec.workspace = p->memory;
    p->exec.workspace_bytes = workspace;
    p->args.a = (char *)p->memory + a;
    p->args.b = (char *)p->memory + b;
    p->args.c = (char *)p->memory + c;
    err = fill(&p->exec, (bit_bf16 *)((char *)p->memory + a), m * k);
    return err < 0 ? err : fill(&p->exec, (bit_bf16 *)((char *)p->memory + b), n * k);
}

static int prepare(const struct bit_exec *exec, const struct bit_matmul_args *args, struct kc_peer_call *out)
{
    struct product *p = calloc(1, sizeof *p);
    int err;

    if (p == NULL)
        return bit_fail(-ENOMEM, "a bf16 product");
    p->exec = *exec;
    p->args = *args;
    p->args.ab_dtype = BIT_BF16;
    err = lay_out(p);
    if (err < 0) {
        destroy(p);
        return bit_fail_within(err, "operands of a bf16 product");
    }
    if (args->addend != NULL)
        p->args.addend = p->args.c;
    *out = (struct kc_peer_call){p, run, destroy};
    return 0;
}

int kc_bf16_forward(const struct bit_exec *exec, const void *args, struct kc_peer_call *out)
{
    const struct bit_bitlinear_args *a = args;

    return prepare(
        exec,
        &(struct bit_matmul_args){
            .form = BIT_MATMUL_NT, .m = a->m, .n = a->n, .k = a->k, .c_dtype = a->y_dtype, .addend = a->addend},
        out);
}

int kc_bf16_backward_data(const struct bit_exec *exec, const void *args, struct kc_peer_call *out)
{
    const struct bit_bitlinear_backward_data_args *a = args;

    return prepare(
        exec, &(struct bit_matmul_args){.form = BIT_MATMUL_NN, .m = a->m, .n = a->k, .k = a->n, .c_dtype = a->dn_dtype},
        out);
}
