/*
 * Tokens a second of whole steps on one rank: forward, backward, AdamW, and publishing the new weights.
 *     bench_model PRESET MICRO STEPS THREADS 16|ternary|ramp QUANTIZER
 * Random tokens, initial weights. Prints one JSON line: the median of STEPS steps after one for warm-up, and where the
 * time went. cpu_ms is the processor time of all threads: with one thread it allows comparing two builds on a busy
 * machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/adamw.h"
#include "proto/err.h"
#include "tests/train/single.h"
#include "worker/process/clock.h"

#define STEPS_MAX 100

struct timing {
    double step_ms, forward_ms, backward_ms, update_ms, publish_ms, cpu_ms;
};

struct bench {
    struct single single;
    float *moments[2];
    uint32_t *tokens;
    Bit__Precision precision;
    double strength;
};

static void draw_tokens(struct bench *b)
{
    const struct bit_worker_plan *plan = &b->single.plan;
    uint64_t state = 42;

    for (int64_t i = 0; i < plan->micro_instances * plan->context; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        b->tokens[i] = (uint32_t)((state >> 33) % (uint64_t)plan->vocab);
    }
}

static int init(struct bench *b, char **argv)
{
    char spec[512];
    int err;

    snprintf(spec, sizeof spec,
             "model { preset: '%s' } batch { instances: %s micro_instances: %s } quantizer { preset: '%s' }", argv[1],
             argv[2], argv[2], argv[6]);
    err = single_init(&b->single, spec, atoi(argv[4]), BIT_BACKEND_CPU);
    if (err < 0)
        return err;
    for (int i = 0; i < 2; i++)
        b->moments[i] = calloc((size_t)b->single.plan.elements, sizeof(float));
    b->tokens = calloc((size_t)(b->single.plan.micro_instances * b->single.plan.context), sizeof *b->tokens);
    if (b->moments[0] == NULL || b->moments[1] == NULL || b->tokens == NULL)
        return bit_fail(-ENOMEM, "moments");
    draw_tokens(b);
    b->precision = strcmp(argv[5], "16") == 0 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY;
    b->strength = strcmp(argv[5], "ramp") == 0 ? 0.5 : 1.0;
    return single_publish(&b->single, b->precision, b->strength);
}

static void finish(struct bench *b)
{
    free(b->moments[0]);
    free(b->moments[1]);
    free(b->tokens);
    single_finish(&b->single);
}

static int update(struct bench *b, uint64_t t)
{
    const struct single *s = &b->single;
    int err = 0;

    for (int i = 0; err >= 0 && i < s->plan.tensor_count; i++) {
        const struct bit_tensor *tensor = &s->plan.tensors[i];
        const struct bit_adamw_args args = {
            .count = tensor->rows * tensor->cols,
            .p = s->master + tensor->offset,
            .m = b->moments[0] + tensor->offset,
            .v = b->moments[1] + tensor->offset,
            .g = s->model->grad + tensor->offset,
            .lr = 4e-4,
            .beta1 = 0.9,
            .beta2 = 0.95,
            .eps = 1e-5,
            .weight_decay = i == 0 ? 0 : 0.1, /* all but the embedding */
            .t = t,
        };

        err = bit_adamw(&s->model->exec, &args);
    }
    return err;
}

static double cpu_clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Notes the time at which the backward pass begins. */
static void note_backward(void *arg, enum bit_model_part part)
{
    if (part == BIT_MODEL_BACKWARD)
        *(double *)arg = bit_clock_ms();
}

static int step(struct bench *b, uint64_t t, struct timing *out)
{
    struct single *s = &b->single;
    const double positions = (double)(s->plan.micro_instances * s->plan.context);
    const double begin_cpu = cpu_clock_ms(), begin = bit_clock_ms();
    double backward, updating, publishing;
    int err;

    s->model->entered = note_backward;
    s->model->entered_arg = &backward;
    err = bit_model_clear(s->model);
    if (err >= 0)
        err = bit_model_accumulate(s->model, b->tokens, s->plan.micro_instances, 1 / positions);
    if (err < 0)
        return err;
    updating = bit_clock_ms();
    err = update(b, t);
    publishing = bit_clock_ms();
    if (err >= 0)
        err = single_publish(s, b->precision, b->strength);
    if (err < 0)
        return err;
    *out = (struct timing){bit_clock_ms() - begin,      backward - begin,
                           updating - backward,         publishing - updating,
                           bit_clock_ms() - publishing, cpu_clock_ms() - begin_cpu};
    return 0;
}

static int by_step(const void *a, const void *b)
{
    double x = ((const struct timing *)a)->step_ms, y = ((const struct timing *)b)->step_ms;

    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int run(struct bench *b, int steps, const char *phase)
{
    struct timing timing[STEPS_MAX], *median = &timing[steps / 2];
    double cpu_ms[STEPS_MAX];
    const double positions = (double)(b->single.plan.micro_instances * b->single.plan.context);
    int err = step(b, 1, &timing[0]);

    for (int i = 0; err >= 0 && i < steps; i++)
        err = step(b, (uint64_t)i + 2, &timing[i]);
    if (err < 0)
        return err;
    for (int i = 0; i < steps; i++)
        cpu_ms[i] = timing[i].cpu_ms;
    qsort(cpu_ms, (size_t)steps, sizeof cpu_ms[0], by_value);
    qsort(timing, (size_t)steps, sizeof timing[0], by_step);
    printf("{\"phase\": \"%s\", \"tokens_per_s\": %.1f, \"step_ms\": %.1f, \"forward_ms\": %.1f, \"backward_ms\": "
           "%.1f, \"update_ms\": %.1f, \"publish_ms\": %.1f, \"fastest_ms\": %.1f, \"cpu_ms\": %.1f, \"backend\": "
           "\"%s\"}\n",
           phase, positions / median->step_ms * 1e3, median->step_ms, median->forward_ms, median->backward_ms,
           median->update_ms, median->publish_ms, timing[0].step_ms, cpu_ms[steps / 2],
           b->single.model->exec.description);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    int err, steps = argc == 7 ? atoi(argv[3]) : 0;

    if (steps < 1 || steps > STEPS_MAX) {
        fprintf(stderr, "usage: bench_model PRESET MICRO STEPS THREADS 16|ternary|ramp QUANTIZER\n");
        return BIT_EXIT_USAGE;
    }
    err = init(&b, argv);
    if (err >= 0)
        err = run(&b, steps, argv[5]);
    finish(&b);
    if (err < 0)
        fprintf(stderr, "bench_model: %s: %s\n", bit_strerror(err), bit_fail_text());
    return bit_exit_code(err);
}
