/* Times an operator at its KC_BENCH shapes: median and spread, the cost model's rate, and the times of the reference
 * and the peers as multiples of ours. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/buffers.h"
#include "tests/kcheck/clock.h"
#include "tests/kcheck/peer.h"

#define SAMPLES_MAX 200
#define BUDGET_S    0.6 /* of timed calls per shape ... */
#define SAMPLES_MIN 5   /* ... but at least this many calls */
#define WARM_CALLS  2

static const char *clock_name(int threads)
{
    return threads == 1 ? "thread CPU time" : "wall time";
}

static int time_one(int threads, int (*run)(void *), void *state, double *out)
{
    const double before = kc_now_s(threads);
    const int err = run(state);

    *out = kc_now_s(threads) - before;
    return err < 0 ? -1 : 0;
}

struct own_call {
    const struct kc *k;
    const void *args;
};

static int run_own(void *state)
{
    const struct own_call *call = state;

    return call->k->op->run(&call->k->exec, call->args);
}

/* The operator and its peers alternate, so that other load on the machine affects all of them. */
static int sample(struct kc *k, struct kc_peer_call *peers, const void *args)
{
    struct own_call own = {k, args};
    double spent = 0, lap;

    for (int i = -WARM_CALLS; i < SAMPLES_MAX && (i < SAMPLES_MIN || spent < BUDGET_S); i++) {
        const int at = BIT_MAX(i, 0); /* samples of warm-up calls are overwritten */
        if (time_one(k->exec.threads, run_own, &own, &k->samples[at]) < 0)
            return -1;
        lap = k->samples[at];
        for (int p = 0; p < KC_PEERS; p++) {
            if (!k->has_peer[p])
                continue;
            if (time_one(k->exec.threads, peers[p].run, peers[p].state, &k->peer_samples[p][at]) < 0)
                return -1;
        }
        spent += i < 0 ? 0 : lap;
        k->sample_count = at + 1;
    }
    return 0;
}

/* The reference is timed by one call: it is a hundred times slower, so warm-up does not matter. */
static int sample_reference(struct kc *k, const void *args)
{
    struct own_call own = {k, args};

    k->sample_count = 1;
    return time_one(k->exec.threads, run_own, &own, &k->samples[0]);
}

int kc_time_call(struct kc *k, const void *args)
{
    struct kc_peer_call peers[KC_PEERS] = {{NULL}};
    int err;

    if (k->exec.backend == BIT_BACKEND_REF)
        return sample_reference(k, args);
    if (k->exec.backend == BIT_BACKEND_CUDA)
        return kc_device_time(k, args, SAMPLES_MAX, BUDGET_S);
    for (int p = 0; p < KC_PEERS; p++)
        k->has_peer[p] = k->op->peers[p] != NULL && k->op->peers[p](&k->exec, args, &peers[p]) >= 0;
    err = sample(k, peers, args);
    for (int p = 0; p < KC_PEERS; p++)
        if (k->has_peer[p])
            peers[p].destroy(peers[p].state);
    return err;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct timing {
    double median_s, low_s, high_s; /* low and high: the 10th and 90th percentile */
    int samples;
    double peer_s[KC_PEERS]; /* medians; NaN: no such peer */
};

static double median_of(double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof samples[0], by_size);
    return samples[count / 2];
}

static int time_variant(const struct kc_op *op, const struct kc_options *options, const int64_t *dim,
                        enum bit_backend backend, struct timing *out)
{
    double samples[SAMPLES_MAX], peer_samples[KC_PEERS][SAMPLES_MAX];
    struct kc_tally tally = {0};
    struct kc k = {
        .op = op, .dim = dim, .options = options, .tally = &tally, .timing = true, .aligned = true, .samples = samples};
    int err = 0;

    if (backend == BIT_BACKEND_CUDA)
        k.exec = *kc_device_exec(stderr);
    else
        err = bit_exec_init(&k.exec, backend, backend == BIT_BACKEND_REF ? 1 : options->threads, 0);
    if (err < 0)
        return err;
    err = bit_exec_init(&k.prepare, BIT_BACKEND_CPU, backend == BIT_BACKEND_CUDA ? 0 : k.exec.threads, 0);
    if (err < 0)
        return err;
    if (options->isa >= 0)
        k.exec.isa = (enum bit_isa)options->isa;
    for (int p = 0; p < KC_PEERS; p++)
        k.peer_samples[p] = peer_samples[p];
    err = op->body(&k, dim);
    kc_set_finish(&k.set);
    free(k.workspace);
    if (err < 0)
        return err;
    *out = (struct timing){
        .median_s = median_of(samples, k.sample_count),
        .low_s = samples[k.sample_count / 10],
        .high_s = samples[k.sample_count - 1 - k.sample_count / 10],
        .samples = k.sample_count,
    };
    for (int p = 0; p < KC_PEERS; p++)
        out->peer_s[p] = k.has_peer[p] ? median_of(peer_samples[p], k.sample_count) : NAN;
    return 0;
}

/* The index of a dimension in which the work is linear, found by its name; -1 if there is none. */
static int linear_dim(const struct kc_op *op)
{
    static const char *const names[] = {"batch", "rows", "m", "count"};
    const char *at = op->dim_names;

    for (int i = 0; *at != '\0'; i++) {
        const size_t length = strcspn(at, " ");
        for (size_t n = 0; n < BIT_COUNT(names); n++)
            if (strlen(names[n]) == length && memcmp(names[n], at, length) == 0)
                return i;
        at += length + (at[length] == ' ');
    }
    return -1;
}

#define REFERENCE_FLOPS 5e8 /* about, per second */

/* The reference's time: measured with at most an eighth of that dimension, and scaled up by the cost model. */
static double reference_s(const struct kc_op *op, const struct kc_options *options, const int64_t *dim)
{
    int64_t small[KC_DIMS_MAX];
    const int shrunk = linear_dim(op);
    struct kc_cost whole, part;
    struct timing t;

    if (!options->cpu || !options->reference)
        return NAN; /* the reference runs on the processor: no measure for a GPU, and slow */
    memcpy(small, dim, sizeof small);
    op->cost(dim, &whole);
    if (shrunk >= 0)
        small[shrunk] = BIT_MAX(1, dim[shrunk] / BIT_MAX(8, (int64_t)(whole.flops / REFERENCE_FLOPS)));
    if (time_variant(op, options, small, BIT_BACKEND_REF, &t) < 0)
        return NAN;
    op->cost(small, &part);
    return t.median_s * (whole.flops > 0 ? whole.flops / part.flops : whole.bytes / part.bytes);
}

static void device_name(char *out, size_t bytes)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];

    snprintf(out, bytes, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL)
            continue;
        snprintf(out, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (f != NULL)
        fclose(f);
}

static double floor_of(const struct kc_options *options, const struct bit_exec *exec, const struct kc_cost *cost)
{
    return options->cpu ? kc_processor_floor_s(exec, cost) : kc_device_floor_s(cost);
}

static const char *const peer_keys[KC_PEERS] = {"onednn", "bf16"};

static void print_json(const struct kc_op *op, const struct kc_options *options, const int64_t *dim,
                       const struct timing *t, const struct kc_cost *cost, double reference,
                       const struct bit_exec *exec)
{
    const double floor = floor_of(options, exec, cost);
    char device[192];

    if (options->cpu)
        device_name(device, sizeof device);
    else
        snprintf(device, sizeof device, "%s", kc_device_exec(stderr)->description);
    printf("{\"op\":\"%s\",\"shape\":\"", op->name);
    kc_print_shape(stdout, op, dim);
    printf("\",\"median_us\":%.2f,\"p10_us\":%.2f,\"p90_us\":%.2f,\"samples\":%d,\"gb_s\":%.3f,\"gflop_s\":%.3f",
           t->median_s * 1e6, t->low_s * 1e6, t->high_s * 1e6, t->samples, cost->bytes / t->median_s * 1e-9,
           cost->flops / t->median_s * 1e-9);
    if (!isnan(reference))
        printf(",\"ref_ratio\":%.2f", reference / t->median_s);
    if (!isnan(floor))
        printf(",\"floor_us\":%.2f,\"floor_share\":%.3f", floor * 1e6, floor / t->median_s);
    for (int p = 0; p < KC_PEERS; p++)
        if (!isnan(t->peer_s[p]))
            printf(",\"%s_us\":%.2f,\"%s_ratio\":%.3f", peer_keys[p], t->peer_s[p] * 1e6, peer_keys[p],
                   t->peer_s[p] / t->median_s);
    printf(",\"onednn\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"clock\":\"%s\",\"device\":\"%s\",\"commit\":\"%s\"}\n",
           kc_onednn_name(), bit_isa_name(exec->isa), exec->threads, clock_name(exec->threads), device, BIT_COMMIT);
}

static void print_row(const struct kc_op *op, const struct kc_options *options, const int64_t *dim,
                      const struct timing *t, const struct kc_cost *cost, double reference, const struct bit_exec *exec)
{
    const bool compute = cost->flops > 0;
    const double floor = floor_of(options, exec, cost);

    printf("%-26s %10.1f %6.1f%% %9.1f %-7s", op->name, t->median_s * 1e6, (t->high_s - t->low_s) / t->median_s * 100,
           (compute ? cost->flops : cost->bytes) / t->median_s * 1e-9, compute ? "GFLOP/s" : "GB/s");
    if (isnan(reference))
        printf(" %7s ", "-");
    else
        printf(" %7.1fx", reference / t->median_s);
    for (int p = 0; p < KC_PEERS; p++)
        if (isnan(t->peer_s[p]))
            printf(" %9s ", "-");
        else
            printf(" %9.2fx", t->peer_s[p] / t->median_s);
    if (isnan(floor))
        printf(" %8s   ", "-");
    else
        printf(" %8.1f%%  ", floor / t->median_s * 100);
    kc_print_shape(stdout, op, dim);
    putchar('\n');
    fflush(stdout);
}

void kc_bench_heading(const struct kc_options *options)
{
    char device[128];
    struct bit_exec exec;

    if (options->json || bit_exec_init(&exec, BIT_BACKEND_CPU, options->threads, 0) < 0)
        return;
    if (options->isa >= 0)
        exec.isa = (enum bit_isa)options->isa;
    device_name(device, sizeof device);
    if (options->cpu)
        printf("%s, %s, commit %s, peer %s, by %s\n", device, exec.description, BIT_COMMIT,
               *kc_onednn_name() != '\0' ? kc_onednn_name() : "none", clock_name(exec.threads));
    if (options->cpu)
        kc_processor_print(&exec);
    else
        printf("%s, commit %s, cold L2\n", kc_device_exec(stderr)->description, BIT_COMMIT);
    printf("%-26s %10s %7s %17s %8s %10s %10s %9s  %s\n", "operator", "median us", "spread", "rate", "to ref",
           "to oneDNN", "to bf16", "of floor", "shape");
}

int kc_bench_op(const struct kc_op *op, const struct kc_options *options)
{
    const enum bit_backend backend = options->cpu ? BIT_BACKEND_CPU : BIT_BACKEND_CUDA;
    struct bit_exec exec;
    int err;

    if (op->flags & KC_DEVICE_ONLY && options->cpu)
        return 0;
    err = bit_exec_init(&exec, BIT_BACKEND_CPU, options->threads, 0);
    if (options->isa >= 0)
        exec.isa = (enum bit_isa)options->isa;
    for (int i = 0; err == 0 && i < op->shape_count; i++) {
        const int64_t *dim = op->shapes[i].dim;
        struct timing t;
        struct kc_cost cost = {0};

        if (!(op->shapes[i].flags & (KC_BENCH | KC_LARGE | (options->cpu ? 0 : KC_HUGE))))
            continue;
        err = time_variant(op, options, dim, backend, &t);
        if (err < 0)
            break;
        op->cost(dim, &cost);
        if (options->json)
            print_json(op, options, dim, &t, &cost, reference_s(op, options, dim), &exec);
        else
            print_row(op, options, dim, &t, &cost, reference_s(op, options, dim), &exec);
    }
    if (err < 0)
        fprintf(stderr, "%s: %s\n", op->name, bit_fail_text());
    return err;
}
