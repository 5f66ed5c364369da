/*
 * The gradients at a checkpoint's weights, computed in several ways from the same instances, and how near they are:
 *
 *     gradient_cosines [OPTION...] CHECKPOINT TOKENS WAY WAY...
 *
 *     --instances N     the first N of TOKENS, a file of raw ids (8)
 *     --micro-batch N   instances of one forward and backward (8)
 *     --set FIELD=VALUE launch.backend=cpu, ...
 *     --dump FOLDER     also write each way's gradient, the flat vector in f32, to FOLDER/K.f32, K counted from 0
 *
 * The model is ternary, at full strength, by the checkpoint's quantizer. The ways:
 *
 *     bf16   products of bf16; the weights' codes are converted to it in the backward pass
 *     int8   the same with quantizer.data_gradient: INT8
 *     f32    products of f32
 *     next   as bf16, but of the N instances that follow
 *
 * A way may be named twice. Prints a line of JSON with the loss of each way; and for the whole gradient, each layer and
 * each tensor, a line for each two ways: the cosine, and over the second one's norm the first one's norm and the norm
 * of their difference.
 */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "worker/alone.h"
#include "worker/worker.h"

#define WAYS_MAX     8
#define SETTINGS_MAX 3

static const struct way {
    const char *name, *set[SETTINGS_MAX];
    bool next; /* the instances that follow the first ones */
} ways[] = {
    {"bf16", {"model.operands=BF16", "quantizer.data_gradient=OPERANDS"}, false},
    {"int8", {"model.operands=BF16", "quantizer.data_gradient=INT8"}, false},
    {"f32", {"model.operands=FP32", "model.residual=FP32", "quantizer.data_gradient=OPERANDS"}, false},
    {"next", {"model.operands=BF16", "quantizer.data_gradient=OPERANDS"}, true},
};

struct options {
    struct bit_alone_options alone;
    const char *tokens, *dump;
    const struct way *way[WAYS_MAX];
    int way_count;
};

/* A part of the flat vector. */
struct range {
    char name[128]; /* a tensor's, "layer 3" or "all" */
    int64_t begin, end;
};

struct compared {
    float *gradient[WAYS_MAX]; /* of each way; owned */
    int64_t elements;
    struct range *ranges; /* owned */
    int range_count;
};

/* ---- the command line */

static int add_way(struct options *o, const char *name)
{
    if (o->way_count == WAYS_MAX)
        return bit_fail(BIT_EUSAGE, "at most %d ways", WAYS_MAX);
    for (size_t i = 0; i < BIT_COUNT(ways); i++) {
        if (strcmp(ways[i].name, name) == 0) {
            o->way[o->way_count++] = &ways[i];
            return 0;
        }
    }
    return bit_fail(BIT_EUSAGE, "'%s' is none of bf16, int8, f32, next", name);
}

/* -1: the value is wrong. */
static int64_t take_option(struct options *o, int c)
{
    switch (c) {
    case 'i':
        return o->alone.instances = bit_alone_count(optarg, 4096);
    case 'b':
        return o->alone.micro_instances = bit_alone_count(optarg, 4096);
    case 'S':
        return bit_alone_set(&o->alone, optarg);
    default:
        o->dump = optarg;
        return 0;
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"instances", required_argument, NULL, 'i'},
                                          {"micro-batch", required_argument, NULL, 'b'},
                                          {"set", required_argument, NULL, 'S'},
                                          {"dump", required_argument, NULL, 'd'},
                                          {0}};
    int c, err = 0;

    *o = (struct options){.alone = {.instances = 8, .micro_instances = 8}};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (c == '?' || take_option(o, c) < 0)
            return bit_fail(BIT_EUSAGE, "an invalid option");
    if (argc - optind < 4)
        return bit_fail(BIT_EUSAGE, "CHECKPOINT TOKENS WAY WAY...");
    o->alone.checkpoint = argv[optind];
    o->tokens = argv[optind + 1];
    /* The same bits of the forward pass in each way, also by cuDNN and cuBLASLt. */
    if (bit_alone_set(&o->alone, "launch.deterministic=true") < 0)
        return bit_fail(BIT_EUSAGE, "too many settings");
    for (int i = optind + 2; i < argc && err >= 0; i++)
        err = add_way(o, argv[i]);
    return err;
}

/* ---- one gradient */

static int read_instances(const struct options *o, const struct bit_worker_plan *plan, bool next, uint8_t **out)
{
    const size_t bytes = (size_t)(plan->instances * plan->context * plan->token_bytes);
    uint8_t *read = malloc(bytes);
    FILE *f = fopen(o->tokens, "rb");
    int err = 0;

    if (read == NULL)
        err = bit_fail(-ENOMEM, "%zu bytes of tokens", bytes);
    else if (f == NULL)
        err = bit_fail(-errno, "'%s'", o->tokens);
    else if (fseek(f, next ? (long)bytes : 0, SEEK_SET) != 0 || fread(read, 1, bytes, f) != bytes)
        err = bit_fail(BIT_EDATA, "'%s' has too few tokens for '%s'", o->tokens, next ? "next" : "--instances");
    if (f != NULL)
        fclose(f);
    if (err >= 0)
        *out = read;
    else
        free(read);
    return err;
}

/* The gradient and the loss of one optimizer step, in the model's memory. */
static int accumulate(struct bit_worker *w, const uint8_t *batch, double *loss)
{
    const struct bit_worker_plan *plan = &w->plan;
    const double scale = 1 / ((double)plan->instances * (double)plan->context);
    double sum = 0;
    int64_t taken = bit_instances_take(&w->instances, batch, plan->instances, false);
    int err = taken < 0 ? (int)taken : bit_instances_check(&w->instances, plan->instances);

    if (err >= 0)
        err = bit_model_clear(w->model);
    for (int64_t at = 0; at < plan->instances && err >= 0; at += plan->micro_instances)
        err = bit_model_accumulate(w->model, bit_instances_at(&w->instances, at),
                                   BIT_MIN(plan->micro_instances, plan->instances - at), scale);
    if (err >= 0)
        err = bit_model_read_loss(w->model, &sum);
    *loss = sum / ((double)plan->instances * (double)(plan->context - 1));
    return err;
}

static int copy_gradient(const struct bit_worker *w, float **out)
{
    const size_t bytes = (size_t)w->plan.elements * sizeof(float);
    float *copy = malloc(bytes);
    int err = copy == NULL ? bit_fail(-ENOMEM, "a gradient of %zu bytes", bytes) : 0;

    if (err >= 0)
        err = bit_exec_copy(&w->model->exec, copy, w->model->grad, bytes);
    if (err >= 0)
        err = bit_exec_wait(&w->model->exec);
    if (err >= 0)
        *out = copy;
    else
        free(copy);
    return err;
}

static void add_range(struct compared *c, const char *name, int64_t begin, int64_t end)
{
    struct range *r = &c->ranges[c->range_count++];

    snprintf(r->name, sizeof r->name, "%s", name);
    r->begin = begin;
    r->end = end;
}

static int find_ranges(const struct bit_worker_plan *plan, struct compared *c)
{
    c->ranges = calloc((size_t)(1 + plan->layers + plan->tensor_count), sizeof *c->ranges);
    if (c->ranges == NULL)
        return bit_fail(-ENOMEM, "ranges of %d tensors", plan->tensor_count);
    c->elements = plan->elements;
    add_range(c, "all", 0, plan->elements);
    for (int l = 0; l < plan->layers; l++) {
        const struct bit_linear *first = &plan->linears[l * BIT_SITES], *last = first + BIT_SITES - 1;
        char name[32];

        snprintf(name, sizeof name, "layer %d", l);
        add_range(c, name, first->offset, last->offset + last->rows * last->cols);
    }
    for (int t = 0; t < plan->tensor_count; t++) {
        const struct bit_tensor *tensor = &plan->tensors[t];
        add_range(c, tensor->name, tensor->offset, tensor->offset + tensor->rows * tensor->cols);
    }
    return 0;
}

static int dump(const struct options *o, int k, const struct compared *c)
{
    char path[BIT_PATH_MAX];
    size_t written;
    FILE *f;

    snprintf(path, sizeof path, "%s/%d.f32", o->dump, k);
    f = fopen(path, "wb");
    if (f == NULL)
        return bit_fail(-errno, "'%s'", path);
    written = fwrite(c->gradient[k], sizeof(float), (size_t)c->elements, f);
    return fclose(f) != 0 || written != (size_t)c->elements ? bit_fail(-EIO, "writing '%s'", path) : 0;
}

/* Way `k`, with a worker of its own. */
static int compute(struct bit_comm *comm, const struct options *o, int k, struct compared *c)
{
    const struct way *way = o->way[k];
    struct bit_alone_options alone = o->alone;
    struct bit_sections sections = {0};
    struct bit_worker w = {0};
    Bit__Welcome welcome = BIT__WELCOME__INIT;
    uint8_t *batch = NULL;
    double loss = 0;
    int err = 0;

    comm->sections = &sections;
    for (int i = 0; i < SETTINGS_MAX && way->set[i] != NULL && err >= 0; i++)
        err = bit_alone_set(&alone, way->set[i]) < 0 ? bit_fail(BIT_EUSAGE, "too many settings") : 0;
    if (err >= 0)
        err = bit_alone_spec(&alone, &welcome.spec);
    if (err >= 0)
        err = bit_worker_init(&w, comm, &welcome, "gradients", &sections);
    if (err >= 0)
        err = bit_publish_train(&w.publish, w.optim.master, BIT__PRECISION__TERNARY, 1);
    if (err >= 0)
        err = bit_publish_await_all(&w.publish);
    if (err >= 0)
        err = read_instances(o, &w.plan, way->next, &batch);
    if (err >= 0)
        err = accumulate(&w, batch, &loss);
    if (err >= 0)
        err = copy_gradient(&w, &c->gradient[k]);
    if (err >= 0 && c->ranges == NULL)
        err = find_ranges(&w.plan, c);
    if (err >= 0)
        printf("{\"way\":\"%s\",\"loss\":%.17g,\"instances\":%" PRId64 ",\"device\":\"%s\"}\n", way->name, loss,
               w.plan.instances, w.model->exec.description);
    if (err >= 0 && o->dump != NULL)
        err = dump(o, k, c);
    free(batch);
    bit_worker_finish(&w);
    bit_msg_free(welcome.spec);
    comm->sections = NULL;
    return err;
}

/* ---- comparing */

/* JSON has no NaN: a gradient of zeros has no direction. */
static void print_number(const char *key, double value)
{
    if (isfinite(value))
        printf(",\"%s\":%.17g", key, value);
    else
        printf(",\"%s\":null", key);
}

static void compare(const struct options *o, const struct compared *c, const struct range *range, int i, int j)
{
    double dot = 0, squares[2] = {0, 0}, apart = 0;

    for (int64_t e = range->begin; e < range->end; e++) {
        const double a = c->gradient[i][e], b = c->gradient[j][e];

        dot += a * b;
        squares[0] += a * a;
        squares[1] += b * b;
        apart += (a - b) * (a - b);
    }
    printf("{\"range\":\"%s\",\"begin\":%" PRId64 ",\"end\":%" PRId64 ",\"a\":\"%s\",\"b\":\"%s\",\"i\":%d,\"j\":%d",
           range->name, range->begin, range->end, o->way[i]->name, o->way[j]->name, i, j);
    print_number("cosine", dot / sqrt(squares[0] * squares[1]));
    print_number("norm", sqrt(squares[0] / squares[1]));
    print_number("difference", sqrt(apart / squares[1]));
    printf("}\n");
}

/* A bit_alone_verb. */
static int run(struct bit_comm *comm, void *options)
{
    const struct options *o = options;
    struct compared c = {0};
    int err = 0;

    for (int k = 0; k < o->way_count && err >= 0; k++)
        err = compute(comm, o, k, &c);
    for (int r = 0; r < c.range_count && err >= 0; r++)
        for (int i = 0; i < o->way_count; i++)
            for (int j = i + 1; j < o->way_count; j++)
                compare(o, &c, &c.ranges[r], i, j);
    if (err >= 0 && fflush(stdout) != 0)
        err = bit_fail(-errno, "writing the results");
    for (int k = 0; k < WAYS_MAX; k++)
        free(c.gradient[k]);
    free(c.ranges);
    return err;
}

int main(int argc, char **argv)
{
    struct options options;
    int err = parse(argc, argv, &options);

    if (err < 0) {
        bit_fail_print("gradient_cosines");
        return bit_exit_code(err);
    }
    return bit_alone_main("gradient_cosines", argc, argv, 1, run, &options);
}
