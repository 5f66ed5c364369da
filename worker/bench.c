#include "worker/bench.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/exec/op_trace.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "worker/alone.h"
#include "worker/power.h"
#include "worker/process/clock.h"
#include "worker/product_table.h"
#include "worker/resources.h"
#include "worker/worker.h"

#define WARM_STEPS        2
#define BLOCK_SPANS       96 /* more than the operators of a block in one micro-batch, both passes together */
#define TRACE_SPANS_LEAST 65536
#define TRACE_SPANS_MOST  (1 << 20)

const char bit_bench_help[] = "Usage: bitworker bench [OPTION...]\n"
                              "       mpirun -n N bitworker bench [OPTION...]\n"
                              "\n"
                              "Times whole training steps (forward, backward, reduction, clip, update,\n"
                              "publication) on random tokens.\n"
                              "  --model PRESET        olmo_1b (default), olmo_20m, ...\n"
                              "  --micro-batch N       instances of one forward and backward; auto\n"
                              "                        (default) takes the largest that fits\n"
                              "  --micro-steps N       micro-batches of one step and rank (1)\n"
                              "  --phase 16bit|ternary (16bit)\n"
                              "  --steps N             timed steps, after two that warm up (10)\n"
                              "  --set FIELD=VALUE     any other field of the run specification:\n"
                              "                        quantizer.weight_measure=mean,\n"
                              "                        launch.backend=cpu, model.context=512, ...\n"
                              "  --deterministic       the same bits on every run, whatever it costs\n"
                              "  --ranks N             start N ranks with mpirun\n"
                              "  --json                one line of JSON\n"
                              "\n"
                              "The split is that of one more step, with marks around each operator; it\n"
                              "adds up to that step.\n";

struct options {
    struct bit_alone_options alone;
    int64_t micro_steps;
    int steps, ranks;
    bool ternary, json;
};

static int set_precision(struct options *o, const char *text)
{
    o->ternary = strcmp(text, "ternary") == 0;
    return o->ternary || strcmp(text, "16bit") == 0 ? 0 : -1;
}

/* -1: the value is wrong. */
static int64_t take_option(struct options *o, int c)
{
    switch (c) {
    case 'm':
        o->alone.model = optarg;
        return 0;
    case 'b':
        return strcmp(optarg, "auto") == 0 ? 0 : (o->alone.micro_instances = bit_alone_count(optarg, 4096));
    case 'a':
        return o->micro_steps = bit_alone_count(optarg, 4096);
    case 's':
        return o->steps = (int)bit_alone_count(optarg, BIT_BENCH_STEPS_MAX);
    case 'r':
        return o->ranks = (int)bit_alone_count(optarg, 4096);
    case 'p':
        return set_precision(o, optarg);
    case 'S':
        return bit_alone_set(&o->alone, optarg);
    case 'd':
        return bit_alone_set(&o->alone, "launch.deterministic=true");
    default:
        o->json = true;
        return 0;
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"model", required_argument, NULL, 'm'},
                                          {"micro-batch", required_argument, NULL, 'b'},
                                          {"micro-steps", required_argument, NULL, 'a'},
                                          {"phase", required_argument, NULL, 'p'},
                                          {"steps", required_argument, NULL, 's'},
                                          {"set", required_argument, NULL, 'S'},
                                          {"ranks", required_argument, NULL, 'r'},
                                          {"deterministic", no_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c;

    *o = (struct options){.alone.model = "olmo_1b", .micro_steps = 1, .steps = 10, .ranks = 1};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'h') {
            fputs(bit_bench_help, stdout);
            exit(BIT_EXIT_OK);
        }
        if (c == '?')
            return bit_fail(BIT_EUSAGE, "see bitworker bench --help");
        if (take_option(o, c) < 0)
            return bit_fail(BIT_EUSAGE, "'%s'; see bitworker bench --help",
                            optarg != NULL ? optarg : "--deterministic");
    }
    return optind < argc ? bit_fail(BIT_EUSAGE, "'%s'; see bitworker bench --help", argv[optind]) : 0;
}

/* ---- the worker, as a daemon's welcome would make it */

static int make_spec(const struct options *o, int ranks, Bit__RunSpec **out)
{
    const int64_t micro = o->alone.micro_instances > 0 ? o->alone.micro_instances : 1;
    struct bit_alone_options alone = o->alone;

    alone.instances = micro * o->micro_steps * ranks;
    return bit_alone_spec(&alone, out);
}

/* auto: the micro-batch decides the size of the global batch, so try plans until a micro-batch fits. */
static int settle_batch(struct options *o, int ranks, Bit__RunSpec **spec)
{
    int64_t micro = o->alone.micro_instances;
    int err = make_spec(o, ranks, spec);

    if (err < 0 || micro > 0)
        return err;
    for (micro = 64; micro >= 1 && err >= 0; micro /= 2) {
        struct bit_worker_plan plan;
        enum bit_backend backend;
        int64_t available = 0;

        bit_msg_free(*spec);
        o->alone.micro_instances = micro;
        err = make_spec(o, ranks, spec);
        if (err >= 0)
            err = bit_resources_backend((*spec)->launch, 0, 1, &backend);
        if (err >= 0)
            err = bit_resources_memory(backend, &available);
        if (err < 0)
            return err;
        (*spec)->launch->backend = backend == BIT_BACKEND_CUDA ? BIT__BACKEND__CUDA : BIT__BACKEND__CPU;
        if (bit_plan_init(&plan, *spec, 0, ranks, 1, bit_resources_threads((*spec)->launch, 1), available) >= 0) {
            bit_plan_finish(&plan);
            return 0;
        }
    }
    return bit_fail(BIT_EMEMORY, "%s", bit_fail_text());
}

/* A batch as in an order, with token frequencies like text's: few tokens are frequent, most are rare. Heap. */
static uint8_t *draw_batch(const struct bit_worker_plan *plan)
{
    const int64_t count = plan->instances * plan->context;
    uint8_t *batch = malloc((size_t)(count * plan->token_bytes));
    uint64_t state = 88172645463325252u;

    for (int64_t i = 0; batch != NULL && i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const double u = (double)(state >> 11) * 0x1p-53;
        const uint32_t id = (uint32_t)((double)plan->vocab * u * u * u);
        for (int64_t k = 0; k < plan->token_bytes; k++)
            batch[i * plan->token_bytes + k] = (uint8_t)(id >> 8 * k);
    }
    return batch;
}

/* ---- steps */

struct bench {
    struct bit_worker worker;
    struct bit_power power;
    double clock_mhz[BIT_BENCH_STEPS_MAX + WARM_STEPS];
    struct bit_op_trace trace;
    uint8_t *batch;
    uint64_t next;
};

static int step(struct bench *b, double *ms, double *loss)
{
    struct bit_worker *w = &b->worker;
    struct bit_step_result result = {0};
    const struct bit_action action = {
        .kind = BIT_ACTION_STEP,
        .step = ++b->next,
        .precision = w->phase.precision,
        .strength = 1,
        .lr = 1e-5,
        .weight_decay = 0.1,
        .instances = w->plan.instances,
        .loss_most = INFINITY,
        .norm_most = INFINITY,
    };
    double began_ms;
    int err;

    bit_comm_barrier(w->comm);
    bit_sections_restart(w->sections, BIT_SECTION_WAIT);
    began_ms = bit_clock_ms();
    err = bit_step_train(w, &action, b->batch, &result);
    *ms = bit_clock_ms() - began_ms;
    *loss = result.loss;
    return err;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Called while the GPU works. */
static void sample_clock(void *arg)
{
    struct bench *b = arg;

    if (b->next <= BIT_COUNT(b->clock_mhz))
        b->clock_mhz[b->next - 1] = bit_power_read(&b->power).sm_mhz;
}

static void tell_power(struct bench *b, const struct bit_power_reading *before, double seconds, int steps,
                       struct bit_bench_result *out)
{
    const struct bit_power_reading after = bit_power_read(&b->power);
    const struct bit_power_load load = bit_power_between(before, &after, seconds);

    out->power_w = load.power_w;
    out->capped = load.capped;
    qsort(b->clock_mhz + WARM_STEPS, (size_t)steps, sizeof b->clock_mhz[0], by_value);
    out->clock_mhz = b->power.device == NULL ? -1 : b->clock_mhz[WARM_STEPS + steps / 2];
}

static int time_steps(struct bench *b, const struct options *o, struct bit_bench_result *out)
{
    double ms[BIT_BENCH_STEPS_MAX + WARM_STEPS], began_ms = 0;
    struct bit_power_reading before = {0};
    int err = 0;

    for (int i = 0; i < WARM_STEPS + o->steps && err >= 0; i++) {
        if (i == WARM_STEPS) {
            before = bit_power_read(&b->power);
            began_ms = bit_clock_ms();
        }
        if (i + 1 == WARM_STEPS + o->steps)
            b->worker.fabric.reduced_bytes = b->worker.fabric.gathered_bytes = b->worker.fabric.calls = 0;
        err = step(b, &ms[i], &out->loss);
    }
    if (err < 0)
        return err;
    tell_power(b, &before, 1e-3 * (bit_clock_ms() - began_ms), o->steps, out);
    qsort(ms + WARM_STEPS, (size_t)o->steps, sizeof ms[0], by_value);
    out->steps = o->steps;
    out->step_ms = ms[WARM_STEPS + o->steps / 2];
    out->low_ms = ms[WARM_STEPS + o->steps / 10];
    out->high_ms = ms[WARM_STEPS + o->steps - 1 - o->steps / 10];
    out->reduced_bytes = b->worker.fabric.reduced_bytes;
    out->gathered_bytes = b->worker.fabric.gathered_bytes;
    out->collectives = b->worker.fabric.calls;
    return 0;
}

/* The update comes after all micro-batches, so the trace must have room for all of them. */
static int trace_spans(const struct bench *b, const struct options *o)
{
    const int64_t micro_batch = (b->worker.plan.layers + 1) * BLOCK_SPANS;

    return (int)BIT_MIN(TRACE_SPANS_LEAST + micro_batch * o->micro_steps, TRACE_SPANS_MOST);
}

/* One extra step, with its operators traced; the time between operators counts as waiting. */
static int split_step(struct bench *b, const struct options *o, struct bit_bench_result *out)
{
    struct bit_exec *exec = &b->worker.model->exec;
    double unused, traced = 0;
    int err = bit_op_trace_init(&b->trace, exec, trace_spans(b, o));

    if (err < 0)
        return err;
    exec->trace = &b->trace;
    err = step(b, &out->traced_ms, &unused);
    exec->trace = NULL;
    for (int i = 0; i < b->trace.count && err >= 0; i++) {
        const double ms = bit_op_trace_ms(&b->trace, i);

        out->split_ms[bit_bench_class_of(b->trace.spans[i].name)] += ms;
        traced += ms;
    }
    out->split_ms[BIT_BENCH_WAIT] = out->traced_ms - traced;
    bit_op_trace_finish(&b->trace);
    return err;
}

/* What the worker takes of the GPU's memory; without a GPU nothing is reported. before: what was free until then. */
static void tell_memory(const struct bench *b, size_t before, struct bit_bench_result *out)
{
    size_t left = 0;

    if (b->worker.backend != BIT_BACKEND_CUDA || bit_exec_device_memory(&left) < 0)
        return;
    out->memory_gib = (double)(bit_exec_device_bytes(&b->worker.model->exec) - left) / (1 << 30);
    out->taken_gib = ((double)before - (double)left) / (1 << 30);
}

static int measure(struct bench *b, const struct options *o, struct bit_bench_result *out)
{
    int err = bit_product_table_find(&b->worker, NULL);

    if (err < 0)
        return err;
    bit_power_open(&b->power, &b->worker.model->exec);
    b->worker.meanwhile = sample_clock;
    b->worker.meanwhile_arg = b;
    b->batch = draw_batch(&b->worker.plan);
    err = bit_comm_agree(b->worker.comm, b->batch == NULL ? bit_fail(-ENOMEM, "tokens") : 0);
    if (err >= 0)
        err = time_steps(b, o, out);
    return err < 0 ? err : split_step(b, o, out);
}

/* A bit_alone_verb. */
static int run(struct bit_comm *comm, void *options)
{
    struct options *o = options;
    struct bit_sections sections = {0};
    Bit__Welcome welcome = BIT__WELCOME__INIT;
    struct bench b = {0};
    struct bit_bench_result result = {.worker = &b.worker, .model = o->alone.model, .micro_steps = o->micro_steps};
    size_t before = 0;
    int err = settle_batch(o, comm->size, &welcome.spec);

    comm->sections = &sections;
    err = bit_comm_agree(comm, err);
    if (err >= 0 && comm->rank == 0 && bit_exec_device_memory(&before) < 0)
        before = 0;
    if (err >= 0)
        err = bit_worker_init(&b.worker, comm, &welcome, "bench", &sections);
    if (err >= 0) {
        b.worker.phase.precision = o->ternary ? BIT__PRECISION__TERNARY : b.worker.phase.precision;
        err = measure(&b, o, &result);
    }
    if (err >= 0)
        tell_memory(&b, before, &result);
    if (err >= 0 && comm->rank == 0)
        bit_bench_print(&result, o->json);
    bit_power_close(&b.power);
    free(b.batch);
    bit_worker_finish(&b.worker);
    bit_msg_free(welcome.spec);
    return err;
}

int bit_bench_main(int argc, char **argv)
{
    struct options options;
    int err = parse(argc, argv, &options);

    if (err < 0) {
        bit_fail_print("bitworker bench");
        return bit_exit_code(err);
    }
    return bit_alone_main("bitworker bench", argc, argv, options.ranks, run, &options);
}
