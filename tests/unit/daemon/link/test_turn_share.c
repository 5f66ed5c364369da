/* The workers' share of a turn: what exceeds it goes on in later turns, in order, and other events come in between. */
#include "daemon/link/turn_share.h"
#include "tests/test.h"

#define WORKERS  40
#define WORK_NS  500000 /* of each waiter */
#define TURN_MAX 3      /* waiters in a turn: two are a share's milliseconds, and clocks are read in between */

struct bed {
    uv_loop_t loop;
    struct bit_turn_share share;
    uv_prepare_t turn; /* called in each turn */
    struct bit_turn_waiter waiter[WORKERS];
    unsigned order[WORKERS], done, in_turn, in_turn_most, turns;
};

static struct bed b;

static void work(void)
{
    const uint64_t begun_ns = uv_hrtime();

    while (uv_hrtime() - begun_ns < WORK_NS)
        ;
}

static void go_on(void *arg)
{
    const struct bit_turn_waiter *w = arg;

    b.order[b.done++] = (unsigned)(w - b.waiter);
    b.in_turn++;
    work();
}

static void on_turn(uv_prepare_t *prepare)
{
    b.in_turn_most = b.in_turn > b.in_turn_most ? b.in_turn : b.in_turn_most;
    b.in_turn = 0;
    b.turns++;
    if (b.done == WORKERS)
        uv_prepare_stop(prepare);
}

static void begin(void)
{
    b = (struct bed){.done = 0};
    EXPECT_EQ(uv_loop_init(&b.loop), 0);
    bit_turn_share_init(&b.share, &b.loop);
    uv_prepare_init(&b.loop, &b.turn);
    uv_prepare_start(&b.turn, on_turn);
    for (unsigned i = 0; i < WORKERS; i++) {
        b.waiter[i] = (struct bit_turn_waiter){.go_on = go_on, .arg = &b.waiter[i]};
        bit_turn_share_wait(&b.share, &b.waiter[i]);
    }
}

static void end(void)
{
    bit_turn_share_close(&b.share);
    uv_close((uv_handle_t *)&b.turn, NULL);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&b.loop), 0);
}

TEST(thousands_of_ranks_leave_room_for_others_in_each_turn)
{
    begin();
    uv_run(&b.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(b.done, (unsigned)WORKERS);
    EXPECT(b.in_turn_most <= TURN_MAX);
    EXPECT(b.turns >= WORKERS / TURN_MAX);
    for (unsigned i = 0; i < WORKERS; i++)
        EXPECT_EQ(b.order[i], i);
    end();
}

TEST(a_share_is_used_up_until_the_turn_ends)
{
    begin();
    EXPECT(!bit_turn_share_is_used(&b.share));
    work();
    work();
    EXPECT(bit_turn_share_is_used(&b.share));
    uv_run(&b.loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.done, 1u); /* one goes on in every turn, whatever happened before */
    EXPECT(!bit_turn_share_is_used(&b.share));
    end();
}

TEST(what_is_cancelled_does_not_go_on)
{
    begin();
    bit_turn_share_cancel(&b.share, &b.waiter[0]);
    bit_turn_share_cancel(&b.share, &b.waiter[WORKERS - 1]);
    bit_turn_share_cancel(&b.share, &b.waiter[0]);
    EXPECT(!bit_turn_waiter_waits(&b.waiter[0]) && bit_turn_waiter_waits(&b.waiter[1]));
    bit_turn_share_wait(&b.share, &b.waiter[WORKERS - 1]);
    bit_turn_share_cancel(&b.share, &b.waiter[1]);
    while (b.done < WORKERS - 2)
        uv_run(&b.loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.order[0], 2u);
    EXPECT_EQ(b.order[WORKERS - 3], (unsigned)WORKERS - 1);
    EXPECT(!uv_is_active((uv_handle_t *)&b.share.idle)); /* otherwise bitd would never sleep */
    end();
}

TEST(at_the_end_everything_goes_on_at_once)
{
    begin();
    bit_turn_share_close(&b.share);
    EXPECT_EQ(b.done, (unsigned)WORKERS);
    EXPECT(!bit_turn_share_is_used(&b.share));
    uv_close((uv_handle_t *)&b.turn, NULL);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&b.loop), 0);
}

TEST_MAIN
