/* Codes packed into two bits each, and the exact median, from which their scale may be computed. */
#include <stdlib.h>
#include <string.h>

#include "kernels/pack_codes.h"
#include "kernels/weight_measure.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

TEST(pack_puts_the_first_code_low)
{
    const int8_t codes[] = {-1, 0, 1, -1, 1};
    uint8_t packed[2];

    bit_pack_codes_host(codes, 5, packed);
    EXPECT_EQ(packed[0], 0x00 | 1 << 2 | 2 << 4 | 0 << 6);
    EXPECT_EQ(packed[1], 2 | 1 << 2 | 1 << 4 | 1 << 6); /* padded with code 0 */
}

TEST(unpack_gives_back_every_byte_of_codes)
{
    for (int value = 0; value < 81; value++) {
        int8_t codes[4], back[4];
        uint8_t packed;
        for (int i = 0, rest = value; i < 4; i++, rest /= 3)
            codes[i] = (int8_t)(rest % 3 - 1);
        bit_pack_codes_host(codes, 4, &packed);
        EXPECT_EQ(bit_unpack_codes_host(&packed, 4, back), 0);
        EXPECT_MEMEQ(codes, back, 4);
    }
}

TEST(round_trip_of_any_count)
{
    for (int64_t count = 0; count < 70; count++) {
        int8_t codes[70], back[71];
        uint8_t packed[19];
        for (int64_t i = 0; i < count; i++)
            codes[i] = (int8_t)((i * i + count) % 3 - 1);
        memset(packed, 0xaa, sizeof packed);
        memset(back, 99, sizeof back);
        bit_pack_codes_host(codes, count, packed);
        EXPECT_EQ(packed[(count + 3) / 4], 0xaa);
        EXPECT_EQ(bit_unpack_codes_host(packed, count, back), 0);
        EXPECT_MEMEQ(codes, back, (size_t)count);
        EXPECT_EQ(back[count], 99);
    }
}

TEST(unpack_refuses_a_three_wherever_it_is)
{
    for (int at = 0; at < 20; at++) { /* the last two are padding */
        uint8_t packed[5] = {0x55, 0x55, 0x55, 0x55, 0x55};
        int8_t codes[18];
        packed[at / 4] |= (uint8_t)(3 << 2 * (at % 4));
        EXPECT_EQ(bit_unpack_codes_host(packed, 18, codes), BIT_ECORRUPT);
        EXPECT(bit_fail_text()[0] != '\0');
    }
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* As kernels/weight_measure.h describes it: two histograms, each searched for the median's position. */
static float median_by_histogram(const struct bit_exec *exec, const float *w, int64_t count)
{
    static uint32_t counts[BIT_HISTOGRAM_BINS];
    uint64_t order = (uint64_t)(count - 1) / 2, before;
    uint32_t bits;
    float found;

    memset(counts, 0, sizeof counts);
    EXPECT_EQ(bit_histogram(exec, &(struct bit_histogram_args){.count = count, .w = w, .counts = counts}), 0);
    const uint32_t upper = bit_histogram_find(counts, order, &before);
    memset(counts, 0, sizeof counts);
    EXPECT_EQ(
        bit_histogram(
            exec, &(struct bit_histogram_args){.count = count, .w = w, .pass = 1, .upper = &upper, .counts = counts}),
        0);
    bits = upper << 16 | bit_histogram_find(counts, order - before, &before);
    memcpy(&found, &bits, sizeof found);
    return found;
}

static float median_by_sorting(const float *w, int64_t count)
{
    float *sorted = malloc((size_t)count * sizeof *sorted), found;

    BIT_ASSERT(sorted != NULL);
    for (int64_t i = 0; i < count; i++)
        sorted[i] = fabsf(w[i]);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    found = sorted[(count - 1) / 2];
    free(sorted);
    return found;
}

static void expect_median(const float *w, int64_t count)
{
    for (int backend = BIT_BACKEND_REF; backend <= BIT_BACKEND_CPU; backend++) {
        struct bit_exec exec;
        if (!EXPECT_EQ(bit_exec_init(&exec, (enum bit_backend)backend, 2, 0), 0))
            return;
        EXPECT_EQ(median_by_histogram(&exec, w, count), median_by_sorting(w, count));
        bit_exec_finish(&exec);
    }
}

TEST(median_of_two_is_the_lower)
{
    expect_median((const float[]){2, -1}, 2);
    expect_median((const float[]){-1, 2}, 2);
    expect_median((const float[]){3}, 1);
}

TEST(median_of_equal_values_and_zeros_of_both_signs)
{
    expect_median((const float[]){0.5f, -0.5f, 0.5f, 0.5f}, 4);
    expect_median((const float[]){0.0f, -0.0f, 0.0f, 1, -1}, 5);
    expect_median((const float[]){-0.0f, -0.0f}, 2);
}

TEST(median_of_subnormals_and_extremes)
{
    expect_median((const float[]){1e-45f, -3e-45f, 2e-39f, 1}, 4);
    expect_median((const float[]){3.4e38f, -3.3e38f, 1e-45f, INFINITY}, 4);
    expect_median((const float[]){1, 1.0000001f, 1.0000002f, 1.0000004f}, 4); /* all in one bin of pass 0 */
}

TEST(median_of_many)
{
    static float w[40001];
    uint32_t state = 12345;

    for (int64_t count = 39998; count <= 40001; count++) {
        for (int64_t i = 0; i < count; i++) {
            state = state * 1664525u + 1013904223u;
            w[i] = ((float)(state >> 8) / 0x1p24f - 0.5f) * 0.1f;
        }
        expect_median(w, count);
    }
}

TEST(parts_of_a_matrix_add_to_the_same_mean)
{
    static float w[50000];
    double whole, parts = 0;
    struct bit_exec exec;

    if (!EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CPU, 2, 0), 0))
        return;
    for (int i = 0; i < 50000; i++)
        w[i] = (float)(i * 7919 % 10007 - 5003) / 40000.0f;
    bit_absmean(&exec, &(struct bit_absmean_args){.count = 50000, .w = w, .sum = &whole});
    for (int from = 50000; from > 0; from -= 777) { /* backwards, in parts of an odd size */
        const int begin = from > 777 ? from - 777 : 0;
        double part;
        bit_absmean(&exec, &(struct bit_absmean_args){.count = from - begin, .w = w + begin, .sum = &part});
        parts += part;
    }
    EXPECT_EQ(whole, parts);
    bit_exec_finish(&exec);
}

TEST_MAIN
