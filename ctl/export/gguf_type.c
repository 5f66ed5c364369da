#include "ctl/export/gguf_type.h"

#include <string.h>

#include "proto/check.h"

static const struct bit_gguf_layout layouts[] = {
    {BIT_GGUF_F32, "F32", 0, 1, 4, false},        {BIT_GGUF_F16, "F16", 1, 1, 2, false},
    {BIT_GGUF_BF16, "BF16", 32, 1, 2, false},     {BIT_GGUF_TQ1_0, "TQ1_0", 36, 256, 54, true},
    {BIT_GGUF_TQ2_0, "TQ2_0", 37, 256, 66, true}, {BIT_GGUF_Q2_0, "Q2_0", 41, 64, 18, true},
};

const struct bit_gguf_layout *bit_gguf_layout(uint32_t type)
{
    for (size_t i = 0; i < BIT_COUNT(layouts); i++)
        if (layouts[i].type == type)
            return &layouts[i];
    return NULL;
}

static void put_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static uint16_t get_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

/* ---- four codes per byte */

static void pack_tq2_0(const int8_t *codes, uint8_t *out)
{
    memset(out, 0, 64);
    for (int i = 0; i < 256; i++)
        out[i / 128 * 32 + i % 32] |= (uint8_t)((codes[i] + 1) << 2 * (i / 32 % 4));
}

static bool unpack_tq2_0(const uint8_t *in, int8_t *codes)
{
    bool good = true;

    for (int i = 0; i < 256; i++) {
        codes[i] = (int8_t)((in[i / 128 * 32 + i % 32] >> 2 * (i / 32 % 4) & 3) - 1);
        good = good && codes[i] < 2;
    }
    return good;
}

static void pack_q2_0(const int8_t *codes, uint8_t *out)
{
    memset(out, 0, 16);
    for (int i = 0; i < 64; i++)
        out[i / 4] |= (uint8_t)((codes[i] + 1) << 2 * (i % 4));
}

static bool unpack_q2_0(const uint8_t *in, int8_t *codes)
{
    bool good = true;

    for (int i = 0; i < 64; i++) {
        codes[i] = (int8_t)((in[i / 4] >> 2 * (i % 4) & 3) - 1);
        good = good && codes[i] < 2;
    }
    return good;
}

/* ---- base 3 */

/* Bytes of a TQ1_0 block whose digits have the same layout. */
static const struct digits {
    int byte, bytes;    /* the first byte, and how many */
    int element, apart; /* the element of the first byte's first digit; the distance between two digits' elements */
    int count;          /* digits that hold elements */
} tq1_0[] = {{0, 32, 0, 32, 5}, {32, 16, 160, 16, 5}, {48, 4, 240, 4, 4}};

static void pack_tq1_0(const int8_t *codes, uint8_t *out)
{
    for (size_t p = 0; p < BIT_COUNT(tq1_0); p++) {
        const struct digits *d = &tq1_0[p];
        for (int m = 0; m < d->bytes; m++) {
            int q = 0;
            for (int n = 0; n < 5; n++)
                q = 3 * q + (n < d->count ? codes[d->element + m + n * d->apart] + 1 : 0);
            out[d->byte + m] = (uint8_t)((q * 256 + 242) / 243);
        }
    }
}

static bool unpack_tq1_0(const uint8_t *in, int8_t *codes)
{
    for (size_t p = 0; p < BIT_COUNT(tq1_0); p++) {
        const struct digits *d = &tq1_0[p];
        for (int m = 0; m < d->bytes; m++) {
            uint8_t rest = in[d->byte + m];
            for (int n = 0; n < d->count; n++) {
                codes[d->element + m + n * d->apart] = (int8_t)((rest * 3 >> 8) - 1);
                rest = (uint8_t)(rest * 3);
            }
        }
    }
    return true; /* every byte has digits below 3 */
}

/* ---- any */

static int scale_offset(const struct bit_gguf_layout *l)
{
    return l->type == BIT_GGUF_Q2_0 ? 0 : l->bytes - 2;
}

void bit_gguf_pack(const struct bit_gguf_layout *layout, const int8_t *codes, int64_t count, uint16_t scale,
                   uint8_t *out)
{
    BIT_ASSERT(layout->ternary && count % layout->block == 0);
    for (int64_t at = 0; at < count; at += layout->block, out += layout->bytes) {
        put_u16(out + scale_offset(layout), scale);
        if (layout->type == BIT_GGUF_TQ1_0)
            pack_tq1_0(codes + at, out);
        else if (layout->type == BIT_GGUF_TQ2_0)
            pack_tq2_0(codes + at, out);
        else
            pack_q2_0(codes + at, out + 2);
    }
}

bool bit_gguf_unpack(const struct bit_gguf_layout *layout, const uint8_t *blocks, int64_t count, int8_t *codes,
                     uint16_t *scales)
{
    bool good = true;

    BIT_ASSERT(layout->ternary && count % layout->block == 0);
    for (int64_t at = 0; at < count && good; at += layout->block, blocks += layout->bytes) {
        *scales++ = get_u16(blocks + scale_offset(layout));
        if (layout->type == BIT_GGUF_TQ1_0)
            good = unpack_tq1_0(blocks, codes + at);
        else if (layout->type == BIT_GGUF_TQ2_0)
            good = unpack_tq2_0(blocks, codes + at);
        else
            good = unpack_q2_0(blocks + 2, codes + at);
    }
    return good;
}
