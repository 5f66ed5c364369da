/* Prints the result of a bench, for people and as one line of JSON. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#include "worker/bench.h"
#include "worker/product_use.h"

static const char *const class_names[BIT_BENCH_CLASSES] = {"gemm",          "attention", "elementwise",
                                                           "communication", "optimizer", "wait"};

enum bit_bench_class bit_bench_class_of(const char *name)
{
    static const struct {
        const char *beginning;
        enum bit_bench_class class;
    } classes[] = {
        {"matmul", BIT_BENCH_GEMM},          {"matmul_rope", BIT_BENCH_GEMM},
        {"matmul_swiglu", BIT_BENCH_GEMM},   {"matmul_swiglu_backward", BIT_BENCH_GEMM},
        {"bitlinear", BIT_BENCH_GEMM},       {"attention", BIT_BENCH_ATTENTION},
        {"gather", BIT_BENCH_COMMUNICATION}, {"reduce", BIT_BENCH_COMMUNICATION},
        {"sumsq", BIT_BENCH_OPTIMIZER},      {"clip", BIT_BENCH_OPTIMIZER},
        {"adamw", BIT_BENCH_OPTIMIZER},      {"absmean", BIT_BENCH_OPTIMIZER},
        {"histogram", BIT_BENCH_OPTIMIZER},  {"weight_scale", BIT_BENCH_OPTIMIZER},
        {"ternarise", BIT_BENCH_OPTIMIZER},  {"transpose", BIT_BENCH_OPTIMIZER},
        {"pack_codes", BIT_BENCH_OPTIMIZER}, {"unpack_codes", BIT_BENCH_OPTIMIZER},
        {"cast", BIT_BENCH_OPTIMIZER},
    };

    for (size_t i = 0; i < BIT_COUNT(classes); i++)
        if (strncmp(name, classes[i].beginning, strlen(classes[i].beginning)) == 0)
            return classes[i].class;
    return BIT_BENCH_ELEMENTWISE;
}

/* 6 N + 6 L D T: forward and backward of one token, causal attention counted once. */
static double token_flops(const struct bit_worker_plan *plan)
{
    const double parameters = (double)(plan->linear_elements + plan->vocab_padded * plan->width);

    return 6 * parameters + 6.0 * plan->layers * (double)(plan->width * plan->context);
}

/* Dense bf16, TFLOP/s, by the name of the GPU; 0 if unknown. */
static double peak_tflops(const char *description)
{
    static const struct {
        const char *name;
        double tflops;
    } peaks[] = {{"H100 80GB HBM3", 989.4}, {"H200", 989.4}, {"H100 NVL", 835.5}, {"H100 PCIe", 756.5}, {"A100", 312}};

    for (size_t i = 0; i < BIT_COUNT(peaks); i++)
        if (strstr(description, peaks[i].name) != NULL)
            return peaks[i].tflops;
    return 0;
}

static void driver_version(char *out, size_t bytes)
{
    FILE *f = fopen("/sys/module/nvidia/version", "re");

    snprintf(out, bytes, "unknown");
    if (f != NULL && fgets(out, (int)bytes, f) == NULL)
        snprintf(out, bytes, "unknown");
    if (f != NULL)
        fclose(f);
    out[strcspn(out, "\n")] = '\0';
}

struct figures {
    double tokens_s, tflops, peak; /* of one rank */
};

static struct figures figures_of(const struct bit_bench_result *r)
{
    const struct bit_worker_plan *plan = &r->worker->plan;
    const double tokens = (double)(r->micro_steps * plan->micro_instances * plan->context);
    struct figures f = {.tokens_s = tokens / r->step_ms * 1e3, .peak = peak_tflops(r->worker->model->exec.description)};

    f.tflops = f.tokens_s * token_flops(plan) * 1e-12;
    return f;
}

static const char *phase_name(const struct bit_worker *w)
{
    return w->phase.precision == BIT__PRECISION__TERNARY ? "ternary" : "16bit";
}

/* Whether graphs were recorded, not only requested. */
static bool has_graphs(const struct bit_worker *w)
{
    return w->model->exec.replays && w->model->replay[BIT_MODEL_BACKWARD].graph != NULL;
}

static void print_json(const struct bit_bench_result *r)
{
    const struct bit_worker *w = r->worker;
    const struct bit_product_count products = bit_product_use_count(w);
    const struct figures f = figures_of(r);
    char driver[64];

    driver_version(driver, sizeof driver);
    printf("{\"model\":\"%s\",\"phase\":\"%s\",\"micro_batch\":%lld,\"micro_steps\":%lld,\"ranks\":%d,\"steps\":%d,"
           "\"step_ms\":%.3f,\"p10_ms\":%.3f,\"p90_ms\":%.3f,\"tokens_per_s_per_rank\":%.1f,\"tflops\":%.2f,",
           r->model, phase_name(w), (long long)w->plan.micro_instances, (long long)r->micro_steps, w->comm->size,
           r->steps, r->step_ms, r->low_ms, r->high_ms, f.tokens_s, f.tflops);
    if (f.peak > 0)
        printf("\"mfu\":%.4f,\"peak_tflops\":%.1f,", f.tflops / f.peak, f.peak);
    printf("\"flops_per_token\":%.4g,\"traced_ms\":%.3f,\"split_ms\":{", token_flops(&w->plan), r->traced_ms);
    for (int c = 0; c < BIT_BENCH_CLASSES; c++)
        printf("%s\"%s\":%.3f", c > 0 ? "," : "", class_names[c], r->split_ms[c]);
    printf("},");
    if (r->power_w >= 0)
        printf("\"power_w\":%.0f,", r->power_w);
    if (r->clock_mhz >= 0)
        printf("\"clock_mhz\":%.0f,", r->clock_mhz);
    if (r->capped >= 0)
        printf("\"power_capped\":%.3f,", r->capped);
    if (products.products > 0)
        printf("\"products\":%u,\"products_not_first\":%u,", products.products, products.not_first);
    printf(
        "\"memory_gib\":%.2f,\"taken_gib\":%.2f,\"planned_gib\":%.2f,\"reduced_bytes\":%llu,\"gathered_bytes\":%llu,"
        "\"collectives\":%llu,\"loss\":%.4f,"
        "\"device\":\"%s\",\"graphs\":%s,\"attention\":\"%s\",\"fabric\":\"%s\",\"driver\":\"%s\",\"commit\":\"%s\"}\n",
        r->memory_gib, r->taken_gib, (double)w->plan.memory.total / (1 << 30), (unsigned long long)r->reduced_bytes,
        (unsigned long long)r->gathered_bytes, (unsigned long long)r->collectives, r->loss, w->model->exec.description,
        has_graphs(w) ? "true" : "false", w->choices, w->fabric.description, driver, BIT_COMMIT);
}

static void print_power(const struct bit_bench_result *r)
{
    if (r->power_w >= 0 && r->clock_mhz >= 0)
        printf("  power   %.0f W at %.0f MHz", r->power_w, r->clock_mhz);
    if (r->power_w >= 0 && r->clock_mhz >= 0 && r->capped >= 0)
        printf(", at the power cap %.0f%% of the time", 100 * r->capped);
    if (r->power_w >= 0 && r->clock_mhz >= 0)
        printf("\n");
}

static void print_table(const struct bit_bench_result *r)
{
    const struct bit_worker *w = r->worker;
    const struct figures f = figures_of(r);

    printf("%s, %s, micro-batch %lld x %lld, %d %s on %s, attention %s, %s, commit %s\n", r->model, phase_name(w),
           (long long)w->plan.micro_instances, (long long)r->micro_steps, w->comm->size,
           w->comm->size == 1 ? "rank" : "ranks", w->model->exec.description, w->choices,
           has_graphs(w) ? "graphs" : "no graphs", BIT_COMMIT);
    printf("  step    %.2f ms (%.2f to %.2f), %.0f tokens/s a rank\n", r->step_ms, r->low_ms, r->high_ms, f.tokens_s);
    printf("  rate    %.1f TFLOP/s a rank, by 6 N + 6 L D T = %.3f GFLOP a token", f.tflops,
           token_flops(&w->plan) * 1e-9);
    if (f.peak > 0)
        printf("; %.1f%% of %.1f", f.tflops / f.peak * 100, f.peak);
    printf("\n  split   of a step with marks around each operator, %.2f ms:", r->traced_ms);
    for (int c = 0; c < BIT_BENCH_CLASSES; c++)
        printf("%s %s %.2f", c > 0 ? "," : "", class_names[c], r->split_ms[c]);
    printf("\n  memory  %.2f GiB taken, %.2f planned; %.2f in use with the context\n", r->taken_gib,
           (double)w->plan.memory.total / (1 << 30), r->memory_gib);
    print_power(r);
    if (w->comm->size > 1)
        printf("  moved   %.1f MB reduced, %.1f MB gathered a step and rank, in %llu collectives\n",
               (double)r->reduced_bytes * 1e-6, (double)r->gathered_bytes * 1e-6, (unsigned long long)r->collectives);
}

void bit_bench_print(const struct bit_bench_result *result, bool json)
{
    if (json)
        print_json(result);
    else
        print_table(result);
    fflush(stdout);
}
