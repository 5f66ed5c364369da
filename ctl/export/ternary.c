#include "ctl/export/ternary.h"

#include <errno.h>
#include <stdlib.h>

#include "kernels/ternarise.h"
#include "kernels/weight_measure.h"
#include "proto/check.h"
#include "proto/err.h"

static int mean_scale(const struct bit_exec *exec, const Bit__QuantizerSpec *quantizer, const float *w, int64_t count,
                      float *scale)
{
    double sum = 0;
    const struct bit_absmean_args measure = {.count = count, .w = w, .sum = &sum};
    const struct bit_weight_scale_args args = {
        .count = 1, .ranks = 1, .sums = &sum, .elements = &count, .eps = (float)quantizer->eps, .scale = scale};
    int err = bit_absmean(exec, &measure);

    return err < 0 ? err : bit_weight_scale(exec, &args);
}

/* The lower median. The first pass finds the upper half of its bits, the second the lower half. */
static int find_median(const struct bit_exec *exec, const float *w, int64_t count, uint32_t *counts, uint32_t *bits)
{
    uint64_t order = (uint64_t)(count - 1) / 2;
    const struct bit_histogram_search_args search = {.count = 1, .counts = counts, .order = &order, .bits = bits};
    int err = 0;

    for (int pass = 0; pass < 2 && err >= 0; pass++) {
        const struct bit_histogram_args args = {.count = count, .w = w, .pass = pass, .upper = bits, .counts = counts};
        err = bit_exec_zero(exec, counts, BIT_HISTOGRAM_BINS * sizeof *counts);
        if (err >= 0)
            err = bit_histogram(exec, &args);
        if (err >= 0)
            err = bit_histogram_search(exec, &search);
    }
    return err;
}

static int median_scale(const struct bit_exec *exec, const Bit__QuantizerSpec *quantizer, const float *w, int64_t count,
                        float *scale)
{
    uint32_t bits = 0;
    uint32_t *counts = calloc(BIT_HISTOGRAM_BINS, sizeof *counts);
    const struct bit_weight_scale_args args = {
        .count = 1, .ranks = 1, .bits = &bits, .eps = (float)quantizer->eps, .scale = scale};
    int err = counts == NULL ? bit_fail(-ENOMEM, "the median of a matrix") : find_median(exec, w, count, counts, &bits);

    free(counts);
    return err < 0 ? err : bit_weight_scale(exec, &args);
}

static int make_segment(const struct bit_exec *exec, const Bit__QuantizerSpec *quantizer, const float *w, int64_t count,
                        struct bit_ternary *out, int segment, int8_t *codes)
{
    const bool is_median = quantizer->weight_measure == BIT__MEASURE__MEDIAN;
    float *scale = &out->scale[segment];
    const struct bit_ternarise_args args = {
        .count = count, .w = w, .scale = scale, .strength = 1, .codes = codes, .zeros = &out->zeros[segment]};
    int err = is_median ? median_scale(exec, quantizer, w, count, scale) : mean_scale(exec, quantizer, w, count, scale);

    return err < 0 ? err : bit_ternarise(exec, &args);
}

int bit_ternary_make(const struct bit_exec *exec, const Bit__QuantizerSpec *quantizer, const struct bit_tensor *tensor,
                     const float *w, struct bit_ternary *out, int8_t *codes)
{
    const bool by_projection = quantizer->granularity == BIT__GRANULARITY__PROJECTION;
    struct bit_ternary t = {.segments = by_projection ? bit_tensor_projections(tensor) : 1};
    const int64_t count = tensor->rows / t.segments * tensor->cols;
    int err = 0;

    BIT_ASSERT(bit_tensor_is_linear(tensor));
    for (int s = 0; s < t.segments && err >= 0; s++)
        err = make_segment(exec, quantizer, w + s * count, count, &t, s, codes + s * count);
    if (err < 0)
        return bit_fail_within(err, "tensor '%s'", tensor->name);
    *out = t;
    return 0;
}

float bit_ternary_scale(const struct bit_ternary *ternary, int projection)
{
    return ternary->scale[ternary->segments == 1 ? 0 : projection];
}
