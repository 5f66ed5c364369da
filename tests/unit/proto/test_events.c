#include "proto/events.h"

#include "proto/crc32c.h"
#include "proto/err.h"
#include "tests/test.h"

static uint8_t out[4096];

static size_t from_hex(const char *hex, uint8_t *to)
{
    size_t n = 0;
    unsigned byte;

    for (; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        to[n] = (uint8_t)byte;
    return n;
}

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint32_t masked(const uint8_t *p, size_t bytes)
{
    uint32_t crc = bit_crc32c(0, p, bytes);

    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* A whole record, as TensorFlow's own writer writes the same event. */
static void expect_record(int bytes, const char *data_hex, uint32_t length_crc, uint32_t data_crc)
{
    uint8_t data[256];
    size_t data_bytes = from_hex(data_hex, data);

    if (!EXPECT_EQ(bytes, data_bytes + 16))
        return;
    EXPECT_EQ(get(out, 8), data_bytes);
    EXPECT_EQ(get(out + 8, 4), length_crc);
    EXPECT_MEMEQ(out + 12, data, data_bytes);
    EXPECT_EQ(get(out + 12 + data_bytes, 4), data_crc);
}

TEST(the_first_record)
{
    expect_record(bit_event_version(1.0, out, sizeof out), "09000000000000f03f1a0d627261696e2e4576656e743a32",
                  0x224b7fa3, 0x7a57bf86);
}

TEST(one_scalar)
{
    const struct bit_event_scalar scalar = {"train/CrossEntropyLoss", 2.5f};

    expect_record(bit_event_scalars(1.0, 7, &scalar, 1, out, sizeof out),
                  "09000000000000f03f10072a1f0a1d0a16747261696e2f43726f7373456e74726f70794c6f73731500002040",
                  0x45ccaef4, 0x76d95917);
}

TEST(a_restart)
{
    uint8_t data[16];
    int bytes = bit_event_start(1.0, 1000, out, sizeof out);

    EXPECT_EQ(masked((const uint8_t *)"123456789", 9), 0xc78ab0e5u);
    EXPECT_EQ(from_hex("09000000000000f03f10e8073a020801", data), 16u); /* step 1000, session_log { status: START } */
    EXPECT_EQ(bytes, 32);
    EXPECT_EQ(get(out, 8), 16u);
    EXPECT_EQ(get(out + 8, 4), masked(out, 8));
    EXPECT_MEMEQ(out + 12, data, 16);
    EXPECT_EQ(get(out + 28, 4), masked(data, 16));
}

TEST(what_a_plugin_reads)
{
    static const uint8_t content[] = {0x22, 0x0b, 0x08, 0x01, 0x11, 0, 0, 0, 0, 0, 0, 0x08, 0x40};

    expect_record(
        bit_event_plugin(1.0, "_hparams_/session_end_info", "hparams", content, sizeof content, out, sizeof out),
        "09000000000000f03f2a440a420a1a5f68706172616d735f2f73657373696f6e5f656e645f696e666f"
        "42060801120212004a1c0a180a0768706172616d73120d220b08011100000000000008402002",
        0x934f476c, 0x85456d99);
    EXPECT_EQ(bit_event_plugin(1.0, "_hparams_/session_end_info", "hparams", content, sizeof content, out, 60),
              BIT_ELIMIT);
}

TEST(as_many_scalars_as_may_be)
{
    struct bit_event_scalar scalars[BIT_EVENT_SCALARS_MAX + 1];
    int bytes;

    for (int i = 0; i <= BIT_EVENT_SCALARS_MAX; i++)
        scalars[i] = (struct bit_event_scalar){"perf/tokens_per_s", (float)i};
    bytes = bit_event_scalars(1.7e9, INT64_MAX, scalars, BIT_EVENT_SCALARS_MAX, out, sizeof out);
    EXPECT_EQ(bytes, 12 + 9 + 10 + 3 + BIT_EVENT_SCALARS_MAX * (2 + 19 + 5) + 4);
    EXPECT_EQ(get(out + bytes - 4, 4), masked(out + 12, (size_t)bytes - 16));
    EXPECT_EQ(bit_event_scalars(1, 1, scalars, BIT_EVENT_SCALARS_MAX + 1, out, sizeof out), BIT_ELIMIT);
}

TEST(a_buffer_too_small_is_never_overrun)
{
    const struct bit_event_scalar scalar = {"train/CrossEntropyLoss", 2.5f};

    for (size_t room = 0; room < 60; room++) {
        memset(out, 0xee, sizeof out);
        EXPECT_EQ(bit_event_scalars(1.0, 7, &scalar, 1, out, room), BIT_ELIMIT);
        for (size_t i = room; i < 128; i++)
            if (!EXPECT_EQ(out[i], 0xee))
                return;
    }
    EXPECT_EQ(bit_event_scalars(1.0, 7, &scalar, 1, out, 60), 60);
}

TEST_MAIN
