#include "proto/err.h"
#include "tests/kcheck/peer.h"

#if KC_HAVE_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

#include "kernels/matmul.h"

struct product {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t matmul;
    dnnl_memory_t a, b, c;
};

static void destroy(void *state)
{
    struct product *p = state;

    if (p->matmul != NULL)
        dnnl_primitive_destroy(p->matmul);
    if (p->a != NULL)
        dnnl_memory_destroy(p->a);
    if (p->b != NULL)
        dnnl_memory_destroy(p->b);
    if (p->c != NULL)
        dnnl_memory_destroy(p->c);
    if (p->stream != NULL)
        dnnl_stream_destroy(p->stream);
    if (p->engine != NULL)
        dnnl_engine_destroy(p->engine);
    free(p);
}

static dnnl_data_type_t type_of(enum bit_dtype dtype)
{
    return dtype == BIT_F32 ? dnnl_f32 : dnnl_bf16;
}

static dnnl_status_t describe(dnnl_memory_desc_t *desc, int64_t rows, int64_t cols, enum bit_dtype dtype,
                              int64_t row_stride, int64_t col_stride)
{
    const dnnl_dims_t dims = {rows, cols}, strides = {row_stride, col_stride};

    return dnnl_memory_desc_init_by_strides(desc, 2, dims, type_of(dtype), strides);
}

/* Accumulation (C +=) is a `sum` post-op in oneDNN. */
static dnnl_status_t make_attributes(bool accumulates, dnnl_primitive_attr_t *out)
{
    dnnl_post_ops_t sum = NULL;
    dnnl_status_t err = dnnl_primitive_attr_create(out);

    if (err != dnnl_success || !accumulates)
        return err;
    err = dnnl_post_ops_create(&sum);
    if (err == dnnl_success)
        err = dnnl_post_ops_append_sum(sum, 1);
    if (err == dnnl_success)
        err = dnnl_primitive_attr_set_post_ops(*out, sum);
    if (sum != NULL)
        dnnl_post_ops_destroy(sum);
    return err;
}

static dnnl_status_t make_primitive(struct product *p, const struct bit_matmul_args *args,
                                    const dnnl_memory_desc_t desc[3])
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_matmul_desc_t matmul;
    dnnl_status_t err = dnnl_matmul_desc_init(&matmul, &desc[0], &desc[1], NULL, &desc[2]);

    if (err == dnnl_success)
        err = make_attributes(args->addend != NULL, &attributes);
    if (err == dnnl_success)
        err = dnnl_primitive_desc_create(&chosen, &matmul, attributes, p->engine, NULL);
    if (err == dnnl_success)
        err = dnnl_primitive_create(&p->matmul, chosen);
    if (chosen != NULL)
        dnnl_primitive_desc_destroy(chosen);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    return err;
}

/* oneDNN's pointers are not const, but it writes only to C. */
static void *writable(const void *data)
{
    union {
        const void *in;
        void *out;
    } u = {.in = data};

    return u.out;
}

static dnnl_status_t make(struct product *p, const struct bit_matmul_args *args)
{
    const int a_turned = args->form == BIT_MATMUL_TN, b_turned = args->form == BIT_MATMUL_NT;

    dnnl_memory_desc_t desc[3];
    dnnl_status_t err;

    if ((err = dnnl_engine_create(&p->engine, dnnl_cpu, 0)) != dnnl_success ||
        (err = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags)) != dnnl_success ||
        (err = describe(&desc[0], args->m, args->k, args->ab_dtype, a_turned ? 1 : args->k, a_turned ? args->m : 1)) !=
            dnnl_success ||
        (err = describe(&desc[1], args->k, args->n, args->ab_dtype, b_turned ? 1 : args->n, b_turned ? args->k : 1)) !=
            dnnl_success ||
        (err = describe(&desc[2], args->m, args->n, args->c_dtype, args->n, 1)) != dnnl_success ||
        (err = make_primitive(p, args, desc)) != dnnl_success ||
        (err = dnnl_memory_create(&p->a, &desc[0], p->engine, writable(args->a))) != dnnl_success ||
        (err = dnnl_memory_create(&p->b, &desc[1], p->engine, writable(args->b))) != dnnl_success)
        return err;
    return dnnl_memory_create(&p->c, &desc[2], p->engine, args->c);
}

static int run(void *state)
{
    const struct product *p = state;

    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->b}, {DNNL_ARG_DST, p->c}};
    dnnl_status_t err = dnnl_primitive_execute(p->matmul, p->stream, 3, args);

    if (err == dnnl_success)
        err = dnnl_stream_wait(p->stream);
    return err == dnnl_success ? 0 : bit_fail(-EIO, "oneDNN's product failed: status %d", (int)err);
}

int kc_onednn_matmul(const struct bit_exec *exec, const void *args, struct kc_peer_call *out)
{
    const struct bit_matmul_args *matmul = args;
    struct product *p;

    dnnl_status_t err;

    if (matmul->addend != NULL && matmul->addend != matmul->c)
        return bit_fail(-ENOTSUP, "oneDNN's sum is in place");
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return bit_fail(-ENOMEM, "oneDNN's product");
    omp_set_num_threads(exec->threads); /* oneDNN has no argument for it; our own loops set it themselves */
    err = make(p, args);
    if (err != dnnl_success) {
        destroy(p);
        return bit_fail(-ENOTSUP, "oneDNN has no such product: status %d", (int)err);
    }
    *out = (struct kc_peer_call){p, run, destroy};
    return 0;
}

const char *kc_onednn_name(void)
{
    static char name[48];

    const dnnl_version_t *v = dnnl_version();

    snprintf(name, sizeof name, "onednn %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}
#else
int kc_onednn_matmul(const struct bit_exec *exec, const void *args, struct kc_peer_call *out)
{
    return bit_fail(-ENOTSUP, "this build lacks oneDNN");
}

const char *kc_onednn_name(void)
{
    return "";
}
#endif
