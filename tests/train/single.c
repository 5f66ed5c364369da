#include "tests/train/single.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cast.h"
#include "kernels/ternarise.h"
#include "kernels/weight_measure.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/host_memory.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "worker/model/init.h"
#include "worker/model/linear.h"

static void complain(const struct bit_problems *problems)
{
    for (int i = 0; i < BIT_MIN(problems->count, BIT_PROBLEMS_MAX); i++)
        fprintf(stderr, "%s: %s\n", problems->item[i].field, problems->item[i].text);
}

static int parse(const char *text, Bit__RunSpec **out)
{
    struct bit_problems problems = {0};
    ProtobufCMessage *msg = NULL;
    int err = bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &msg, &problems);

    /* A ramp, so that memory for every mode is allocated. */
    if (err >= 0)
        err = bit_spec_set((Bit__RunSpec *)msg, "phases.switch.ramp_steps=1", &problems);
    if (err >= 0)
        err = bit_spec_normalise((Bit__RunSpec *)msg, "/", &problems);
    if (err < 0) {
        complain(&problems);
        bit_msg_free(msg);
        return err;
    }
    *out = (Bit__RunSpec *)msg;
    return 0;
}

int single_init(struct single *s, const char *spec_text, int threads, enum bit_backend backend)
{
    int err;

    memset(s, 0, sizeof *s);
    err = parse(spec_text, &s->spec);
    if (err < 0)
        return err;
    err = bit_plan_init(&s->plan, s->spec, 0, 1, 1, threads, bit_host_memory_available());
    if (err < 0)
        goto out;
    err = bit_model_create(&s->plan, backend, &s->model);
    if (err < 0)
        goto out;
    s->master = malloc((size_t)s->plan.elements * sizeof *s->master);
    if (s->master == NULL) {
        err = bit_fail(-ENOMEM, "master of %lld elements", (long long)s->plan.elements);
        goto out;
    }
    bit_init_range(&s->plan, 0, s->plan.elements, s->master);
    return 0;
out:
    single_finish(s);
    return err;
}

void single_finish(struct single *s)
{
    free(s->master);
    bit_model_destroy(s->model);
    bit_plan_finish(&s->plan);
    if (s->spec != NULL)
        bit_msg_free(&s->spec->base);
    memset(s, 0, sizeof *s);
}

/* ---- publishing */

static int publish_tensor(struct single *s, const struct bit_tensor *tensor)
{
    const struct bit_cast_args args = {
        .count = tensor->rows * tensor->cols,
        .x = s->master + tensor->offset,
        .x_dtype = BIT_F32,
        .y = bit_model_weight(s->model, tensor->offset),
        .y_dtype = s->plan.operands,
        .scale = 1.0f,
    };

    return bit_cast(&s->model->exec, &args);
}

static int mean_of(const struct single *s, const float *w, int64_t count, float *mean)
{
    double sum = 0;
    int err = bit_absmean(&s->model->exec, &(struct bit_absmean_args){.count = count, .w = w, .sum = &sum});

    *mean = (float)(sum / (double)count);
    return err;
}

/* The lower median: two histograms, of the upper and then the lower 16 bits of the magnitudes. */
static int median_of(const struct single *s, const float *w, int64_t count, float *median)
{
    uint32_t *counts = calloc(2 * 65536, sizeof *counts);
    uint64_t before = 0, rank = (uint64_t)(count - 1) / 2;
    struct bit_histogram_args args = {.count = count, .w = w, .counts = counts};
    uint32_t bits, upper;
    int err;

    if (counts == NULL)
        return bit_fail(-ENOMEM, "histogram");
    err = bit_histogram(&s->model->exec, &args);
    if (err < 0)
        goto out;
    upper = bit_histogram_find(counts, rank, &before);
    args.pass = 1;
    args.upper = &upper;
    args.counts = counts + 65536;
    err = bit_histogram(&s->model->exec, &args);
    if (err < 0)
        goto out;
    bits = upper << 16 | bit_histogram_find(args.counts, rank - before, &before);
    memcpy(median, &bits, sizeof *median);
out:
    free(counts);
    return err;
}

static int publish_segment(struct single *s, int index, int segment, double strength)
{
    struct bit_ternarise_args args = {.strength = (float)strength, .out_dtype = s->plan.operands};
    uint64_t zeros = 0;
    int64_t offset;
    float measure;
    int err;

    bit_plan_segment(&s->plan.linears[index], segment, &offset, &args.count);
    args.w = s->master + offset;
    err = s->plan.quantizer.weight_measure == BIT_MEASURE_MEAN ? mean_of(s, args.w, args.count, &measure)
                                                               : median_of(s, args.w, args.count, &measure);
    if (err < 0)
        return err;
    args.scale = &s->model->segments[index].scale[segment];
    s->model->scales[args.scale - s->model->scales] = 1.0f / fmaxf(measure, s->plan.quantizer.eps);
    args.codes = strength == 1 ? bit_model_codes(s->model, offset) : NULL;
    args.out = strength == 1 ? NULL : bit_model_weight(s->model, offset);
    args.zeros = &zeros;
    return bit_ternarise(&s->model->exec, &args);
}

int single_publish(struct single *s, Bit__Precision precision, double strength)
{
    int err = 0;

    bit_model_set_phase(s->model, precision, strength);
    for (int t = 0; err >= 0 && t < s->plan.tensor_count; t++)
        if (precision == BIT__PRECISION__SIXTEEN_BIT || !bit_tensor_is_linear(&s->plan.tensors[t]))
            err = publish_tensor(s, &s->plan.tensors[t]);
    for (int i = 0; err >= 0 && precision == BIT__PRECISION__TERNARY && i < s->plan.linear_count; i++)
        for (int g = 0; err >= 0 && g < s->plan.linears[i].segment_count; g++)
            err = publish_segment(s, i, g, strength);
    if (err >= 0 && precision == BIT__PRECISION__TERNARY && strength == 1)
        err = bit_model_turn_codes(s->model, 0, s->model->plan->elements);
    return err;
}
