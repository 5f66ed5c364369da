#include <stdlib.h>
#include <string.h>

#include "kernels/bitlinear.h"
#include "kernels/matmul.h"
#include "proto/err.h"
#include "tests/kcheck/peer.h"

struct product {
    struct bit_exec exec; /* the timed operator's, whose workspace serves both */
    struct bit_matmul_args args;
    void *a, *b, *c;
};

static void destroy(void *state)
{
    struct product *p = state;

    free(p->a);
    free(p->b);
    free(p->c);
    free(p);
}

static int run(void *state)
{
    const struct product *p = state;

    return bit_matmul(&p->exec, &p->args);
}

/* Numbers near one: neither zeros nor subnormals, whose products might take another time. */
static bit_bf16 *operand(int64_t count)
{
    bit_bf16 *x = malloc((size_t)count * sizeof *x);

    for (int64_t i = 0; x != NULL && i < count; i++)
        x[i] = bit_f32_to_bf16((float)(i * 7919 % 1000 - 500) * 2e-3f);
    return x;
}

static int prepare(const struct bit_exec *exec, const struct bit_matmul_args *args, struct kc_peer_call *out)
{
    struct product *p = calloc(1, sizeof *p);

    if (p == NULL)
        return bit_fail(-ENOMEM, "a bf16 product");
    p->exec = *exec;
    p->args = *args;
    p->args.ab_dtype = BIT_BF16;
    p->args.a = p->a = operand(args->m * args->k);
    p->args.b = p->b = operand(args->n * args->k);
    p->args.c = p->c = calloc((size_t)(args->m * args->n), bit_dtype_bytes(args->c_dtype));
    p->args.addend = args->addend != NULL ? p->c : NULL;
    if (p->a == NULL || p->b == NULL || p->c == NULL) {
        destroy(p);
        return bit_fail(-ENOMEM, "operands of a bf16 product");
    }
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

int kc_bf16_backward_weight(const struct bit_exec *exec, const void *args, struct kc_peer_call *out)
{
    const struct bit_bitlinear_backward_weight_args *a = args;

    return prepare(exec,
                   &(struct bit_matmul_args){
                       .form = BIT_MATMUL_TN, .m = a->n, .n = a->k, .k = a->m, .c_dtype = BIT_F32, .addend = a->dw},
                   out);
}
