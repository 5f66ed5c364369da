#include "ctl/export/numbers.h"

#include <math.h>
#include <string.h>

#include "kernels/exec/exec.h"
#include "proto/check.h"
#include "proto/half.h"

static const char *const type_names[BIT_NUMBERS_TYPES] = {
    [BIT_NUMBERS_F32] = "f32",     [BIT_NUMBERS_F16] = "f16",     [BIT_NUMBERS_BF16] = "bf16",
    [BIT_NUMBERS_TQ1_0] = "tq1_0", [BIT_NUMBERS_TQ2_0] = "tq2_0", [BIT_NUMBERS_Q2_0] = "q2_0"};

const char *bit_numbers_type_name(enum bit_number_type type)
{
    BIT_ASSERT(type < BIT_NUMBERS_TYPES);
    return type_names[type];
}

enum bit_number_type bit_numbers_type_find(const char *name)
{
    int type = 0;

    while (type < BIT_NUMBERS_TYPES && strcmp(type_names[type], name) != 0)
        type++;
    return (enum bit_number_type)type;
}

size_t bit_numbers_bytes(enum bit_number_type type)
{
    return type == BIT_NUMBERS_F32 ? 4 : 2;
}

static uint16_t encode_short(enum bit_number_type type, float w)
{
    return type == BIT_NUMBERS_F16 ? bit_half_of(w) : bit_f32_to_bf16(w);
}

/* In both types infinity has all exponent bits set and the others 0. */
static bool is_infinite(enum bit_number_type type, uint16_t v)
{
    return (v & 0x7fff) == (type == BIT_NUMBERS_F16 ? 0x7c00 : 0x7f80);
}

int64_t bit_numbers_encode(enum bit_number_type type, const float *w, int64_t count, uint8_t *out)
{
    if (type == BIT_NUMBERS_F32) {
        memcpy(out, w, (size_t)count * sizeof *w);
        return count;
    }
    for (int64_t i = 0; i < count; i++) {
        const uint16_t v = encode_short(type, w[i]);
        if (is_infinite(type, v))
            return i;
        memcpy(out + 2 * i, &v, sizeof v);
    }
    return count;
}

/* 2^k. */
static double power_of_2(int k)
{
    const uint64_t bits = (uint64_t)(1023 + k) << 52;
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Half a unit in the last place, for numbers of w's magnitude. */
static double half_unit(enum bit_number_type type, float w)
{
    const int fraction = type == BIT_NUMBERS_F16 ? 10 : 7, smallest = type == BIT_NUMBERS_F16 ? -14 : -126;
    uint32_t bits;

    memcpy(&bits, &w, sizeof bits);
    return power_of_2(BIT_MAX((int)(bits >> 23 & 255) - 127, smallest) - fraction - 1);
}

static bool is_rounded(enum bit_number_type type, float w, const uint8_t *bytes)
{
    uint16_t v;

    memcpy(&v, bytes, sizeof v);
    const double value = type == BIT_NUMBERS_F16 ? bit_half_value(v) : bit_bf16_to_f32(v);
    return fabs(value - w) <= half_unit(type, w) && (value == 0 || (value < 0) == (w < 0));
}

int64_t bit_numbers_compare(enum bit_number_type type, const float *w, int64_t count, const uint8_t *bytes)
{
    for (int64_t i = 0; i < count; i++) {
        const bool same = type == BIT_NUMBERS_F32 ? memcmp(bytes + 4 * i, &w[i], 4) == 0
                                                  : is_rounded(type, w[i], bytes + 2 * i);
        if (!same)
            return i;
    }
    return count;
}
