/* Codes of normed rows differ from the reference's only where the value before rounding is about halfway. */
#include <stdlib.h>
#include <string.h>

#include "kernels/quantise.h"
#include "proto/err.h"
#include "tests/test.h"

#define ROWS 64
#define COLS 500

static float x[ROWS * COLS], u[ROWS * COLS], scale[ROWS], mean[ROWS], rstd[ROWS];
static int8_t want[ROWS * COLS], got[ROWS * COLS];

static struct bit_quantise_args rows_of(enum bit_norm_kind kind, enum bit_measure measure, float levels)
{
    return (struct bit_quantise_args){.rows = ROWS,
                                      .cols = COLS,
                                      .kind = kind,
                                      .var_factor = 1,
                                      .norm_eps = 1e-5f,
                                      .measure = measure,
                                      .levels = levels,
                                      .eps = 1e-5f,
                                      .strength = 1,
                                      .x = x,
                                      .x_dtype = BIT_F32,
                                      .q = want,
                                      .q_dtype = BIT_I8,
                                      .scale = scale,
                                      .mean = mean,
                                      .rstd = rstd};
}

/* u is the reference's value before rounding, from strength 0. Its relative error is at most 2^-18. */
static void expect_ties_alone_differ(enum bit_norm_kind kind, enum bit_measure measure, float levels)
{
    const struct bit_exec ref = {.backend = BIT_BACKEND_REF, .threads = 1};
    struct bit_quantise_args args = rows_of(kind, measure, levels);
    struct bit_exec cpu;
    int differing = 0;

    if (!EXPECT_EQ(bit_exec_init(&cpu, BIT_BACKEND_CPU, 2, 0), 0))
        return;
    EXPECT_EQ(bit_quantise(&ref, &args), 0);
    args.q = got;
    EXPECT_EQ(bit_quantise(&cpu, &args), 0);
    args.q = u;
    args.q_dtype = BIT_F32;
    args.strength = 0;
    EXPECT_EQ(bit_quantise(&ref, &args), 0);
    for (int i = 0; i < ROWS * COLS; i++) {
        if (want[i] == got[i])
            continue;
        differing++;
        EXPECT_EQ(abs(want[i] - got[i]), 1);
        EXPECT_NEAR(fabsf(u[i]) - floorf(fabsf(u[i])), 0.5, fabs(u[i]) * 0x1p-18);
    }
    EXPECT(differing < ROWS * COLS / 1000);
    bit_exec_finish(&cpu);
}

TEST(normed_codes_differ_at_halves_alone)
{
    uint32_t state = 99;

    for (int i = 0; i < ROWS * COLS; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) / 0x1p23f - 1) * (float)(1 + i / COLS) + 0.25f;
    }
    expect_ties_alone_differ(BIT_NORM_LAYER, BIT_MEASURE_ABSMAX, 128);
    expect_ties_alone_differ(BIT_NORM_RMS, BIT_MEASURE_ABSMAX, 127);
    expect_ties_alone_differ(BIT_NORM_LAYER, BIT_MEASURE_MEAN, 40);
    expect_ties_alone_differ(BIT_NORM_LAYER, BIT_MEASURE_MEDIAN, 40);
    expect_ties_alone_differ(BIT_NORM_NONE, BIT_MEASURE_MEAN, 40);
}

/* The largest positive value becomes 128 and is clamped; halves go to even; a row of zeros has codes of zero. */
TEST(edges_of_the_range)
{
    const float row[4] = {2, -2, 1.5f / 64, 2.5f / 64}, zeros[4] = {0, -0.0f, 0, 0};
    int8_t q[4];
    float s;
    struct bit_quantise_args args = {.rows = 1,
                                     .cols = 4,
                                     .measure = BIT_MEASURE_ABSMAX,
                                     .levels = 128,
                                     .eps = 1e-5f,
                                     .strength = 1,
                                     .x = row,
                                     .q = q,
                                     .q_dtype = BIT_I8,
                                     .scale = &s};

    for (int backend = BIT_BACKEND_REF; backend <= BIT_BACKEND_CPU; backend++) {
        struct bit_exec exec;
        if (!EXPECT_EQ(bit_exec_init(&exec, (enum bit_backend)backend, 1, 0), 0))
            return;
        args.x = row;
        EXPECT_EQ(bit_quantise(&exec, &args), 0);
        EXPECT_EQ(s, 64);
        EXPECT_MEMEQ(q, ((const int8_t[]){127, -128, 2, 2}), 4);
        args.x = zeros;
        EXPECT_EQ(bit_quantise(&exec, &args), 0);
        EXPECT_EQ(s, 128 / 1e-5f);
        EXPECT_MEMEQ(q, ((const int8_t[]){0, 0, 0, 0}), 4);
        bit_exec_finish(&exec);
    }
}

TEST(refuses_codes_below_full_strength)
{
    const struct bit_exec ref = {.backend = BIT_BACKEND_REF, .threads = 1};
    struct bit_quantise_args args = rows_of(BIT_NORM_NONE, BIT_MEASURE_ABSMAX, 127);

    args.strength = 0.5f;
    EXPECT_EQ(bit_quantise(&ref, &args), -EINVAL);
    EXPECT_CONTAINS(bit_fail_text(), "strength 1");
}

TEST_MAIN
