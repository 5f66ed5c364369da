#include "proto/hparams.h"

#include "proto/err.h"
#include "tests/test.h"

static uint8_t out[512];

/* `hex` is from protobuf's own encoder, for the plugin's message. */
static void expect_bytes(int bytes, const char *hex)
{
    char got[2 * sizeof out + 1] = "";

    for (int i = 0; i < bytes; i++)
        snprintf(got + 2 * i, 3, "%02x", out[i]);
    EXPECT_STREQ(got, hex);
}

TEST(a_number)
{
    const struct bit_hparam h = {.name = "schedule.steps", .number = 400};

    expect_bytes(bit_hparams_start(2.0, &h, 1, out, sizeof out),
                 "1a260a1b0a0e7363686564756c652e73746570731209110000000000007940290000000000000040");
}

TEST(a_truth_and_its_opposite)
{
    struct bit_hparam h = {.name = "model.tied", .number = 1, .is_truth = true};

    expect_bytes(bit_hparams_start(2.0, &h, 1, out, sizeof out),
                 "1a1b0a100a0a6d6f64656c2e7469656412022001290000000000000040");
    h.number = 0;
    expect_bytes(bit_hparams_start(2.0, &h, 1, out, sizeof out),
                 "1a1b0a100a0a6d6f64656c2e7469656412022000290000000000000040");
}

TEST(several)
{
    const struct bit_hparam h[] = {
        {.name = "a", .number = 400}, {.name = "b", .number = 1, .is_truth = true}, {.name = "c", .text = "RESET"}};

    expect_bytes(
        bit_hparams_start(2.0, h, 3, out, sizeof out),
        "1a300a0e0a016112091100000000000079400a070a0162120220010a0c0a016312071a055245534554290000000000000040");
}

TEST(how_it_ended)
{
    expect_bytes(bit_hparams_end(3.0, BIT_HPARAMS_SUCCESS, out, sizeof out), "220b0801110000000000000840");
}

TEST(a_buffer_too_small_is_never_overrun)
{
    const struct bit_hparam h = {.name = "schedule.steps", .number = 400};

    for (size_t room = 0; room < 40; room++) {
        memset(out, 0xee, sizeof out);
        EXPECT_EQ(bit_hparams_start(2.0, &h, 1, out, room), BIT_ELIMIT);
        EXPECT_EQ(out[room], 0xee);
    }
    EXPECT_EQ(bit_hparams_start(2.0, &h, 1, out, 40), 40);
}

TEST_MAIN
