#include "daemon/sys/loop_latency.h"

#include "tests/test.h"

#define MS 1000000ull

TEST(what_a_turn_waits_for_events_is_no_latency)
{
    struct bit_loop_latency l = {0};

    bit_loop_latency_note(&l, 1000 * MS, 0); /* the first call begins the first turn */
    EXPECT_EQ(l.turns, 0u);
    bit_loop_latency_note(&l, 2000 * MS, 998 * MS); /* waited 998 ms, worked 2 */
    bit_loop_latency_note(&l, 2700 * MS, 998 * MS); /* worked 700 */
    bit_loop_latency_note(&l, 7700 * MS, 998 * MS); /* worked 5000 */
    bit_loop_latency_note(&l, 7700 * MS, 998 * MS); /* worked 0 */
    EXPECT_EQ(l.turns, 4u);
    EXPECT_NEAR(l.sum_s, 5.702, 1e-9);
    EXPECT_EQ(l.count[0], 1u);
    EXPECT_EQ(l.count[2], 1u);                       /* within 5 ms */
    EXPECT_EQ(l.count[7], 1u);                       /* within 1 s */
    EXPECT_EQ(l.count[BIT_LOOP_LATENCY_BOUNDS], 1u); /* above all bounds */
}

static void on_timer(uv_timer_t *timer)
{
    const uint64_t until = uv_hrtime() + 3 * MS;

    while (uv_hrtime() < until)
        ;
    uv_close((uv_handle_t *)timer, NULL);
}

/* In a real loop callbacks are counted and sleep is not; the open handle does not keep the loop alive. */
TEST(a_loop_counts_its_own_turns)
{
    struct bit_loop_latency l;
    uv_loop_t loop;
    uv_timer_t timer;

    uv_loop_init(&loop);
    EXPECT_EQ(bit_loop_latency_init(&l, &loop), 0);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_timer, 50, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_timer_init(&loop, &timer); /* one more turn, so that the last one is counted */
    uv_timer_start(&timer, on_timer, 0, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT(l.turns >= 1);
    EXPECT(l.sum_s >= 0.003);
    bit_loop_latency_close(&l);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
}

TEST_MAIN
