#include "ctl/client/hangups.h"

#include "tests/test.h"

TEST(one_daemon_is_asked_a_few_times_with_growing_pauses)
{
    static const int pauses[] = {0, 100, 200, 400, 800, 1600};
    struct bit_hangups h = {0};

    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++)
        EXPECT_EQ(bit_hangups_note(&h, 7, 0.001), pauses[i]);
    EXPECT(bit_hangups_note(&h, 7, 0.001) < 0);
}

TEST(another_daemon_is_asked_anew_and_not_for_ever)
{
    struct bit_hangups h = {0};
    int asked = 0, last = 0, pause;

    while ((pause = bit_hangups_note(&h, 100 + asked / 2, 1)) >= 0 && asked < 1000) {
        EXPECT(pause >= last);
        last = pause;
        asked++;
    }
    EXPECT_EQ(asked, BIT_HANGUPS_MAX);
    EXPECT_EQ(last, 5000);
}

TEST(a_wait_outlives_any_number_of_restarts)
{
    struct bit_hangups h = {0};

    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(bit_hangups_note(&h, i, 3600), 0);
    for (int i = 0; i < 1000; i++) /* of one daemon, too: it drops a client after an hour */
        EXPECT_EQ(bit_hangups_note(&h, 7, 3600), 0);
}

TEST_MAIN
