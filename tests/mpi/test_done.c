/* The end of a run, with the test acting as bitd: every rank reports WorkerDone itself, and again on each new link. */
#include <string.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tests/mpi/peer.h"
#include "tests/test.h"

#define RANKS_MAX 4
#define BEAT_MS   100

/* The links of ranks 1, 2, …, each in its own struct peer that shares the first one's socket. */
struct others {
    struct peer link[RANKS_MAX];
    int ranks;
};

/* They connect in any order; the hello has the rank. */
static bool accept_others(const struct peer *p, struct others *o)
{
    for (int i = 1; i < o->ranks; i++) {
        struct peer next = *p;
        next.fd = -1;
        next.held = NULL;
        next.pid = 0;
        next.dir[0] = '\0';
        bit_frame_reader_init(&next.reader, BIT_FRAME_BODY_MAX);
        const Bit__WorkerHello *hello = peer_accept(&next);
        if (hello == NULL || !EXPECT(hello->has_rank && hello->rank > 0 && (int)hello->rank < o->ranks))
            return false;
        struct peer *link = &o->link[hello->rank];
        EXPECT(link->fd < 0);
        *link = next;
        peer_welcome(link, 0, NULL);
    }
    return true;
}

static void drop_others(struct others *o)
{
    for (int r = 1; r < o->ranks; r++) {
        peer_drop(&o->link[r]);
        bit_msg_free(o->link[r].held);
        o->link[r].held = NULL;
    }
}

static bool begin(struct peer *p, struct others *o, int ranks)
{
    *o = (struct others){.ranks = ranks};
    for (int r = 0; r < RANKS_MAX; r++)
        o->link[r].fd = -1;
    p->beat_ms = BEAT_MS;
    if (!peer_open(p) || !peer_start(p, ranks) || peer_accept(p) == NULL)
        return false;
    peer_welcome(p, 0, NULL);
    return accept_others(p, o) && peer_next(p, BIT_MSG_WORKER_READY) != NULL;
}

/* Returns the weights' digest after the step. */
static uint64_t do_step(struct peer *p, uint64_t step)
{
    peer_step(p, step, BIT__PRECISION__SIXTEEN_BIT, 1);
    const Bit__StepReport *report = peer_next(p, BIT_MSG_STEP_REPORT);
    return report != NULL && EXPECT_EQ(report->step, step) ? report->weights_digest : 0;
}

static uint64_t expect_done(struct peer *link, uint32_t rank, const struct others *o, uint64_t step, uint64_t digest)
{
    const Bit__WorkerDone *done = peer_next(link, BIT_MSG_WORKER_DONE);

    if (done == NULL)
        return 0;
    EXPECT_EQ(done->rank, rank);
    EXPECT_EQ(done->ranks, (uint32_t)o->ranks);
    EXPECT_EQ(done->step, step);
    EXPECT_EQ(done->reason, BIT__STOP_REASON__COMPLETE);
    EXPECT_EQ(done->weights_digest, digest);
    return done->phase_digest;
}

/* Every link gets the same report. */
static void expect_all_done(struct peer *p, struct others *o, uint64_t step, uint64_t digest)
{
    uint64_t phase = expect_done(p, 0, o, step, digest);

    for (int r = 1; r < o->ranks; r++)
        EXPECT_EQ(expect_done(&o->link[r], (uint32_t)r, o, step, digest), phase);
}

TEST(every_rank_says_it_on_its_own_link)
{
    for (int ranks = 1; ranks <= RANKS_MAX; ranks *= 2) {
        struct peer p = {0};
        struct others o;
        uint64_t digest;
        if (begin(&p, &o, ranks) && (digest = do_step(&p, 1)) != 0) {
            peer_stop(&p);
            expect_all_done(&p, &o, 1, digest);
            peer_leave(&p);
            EXPECT_EQ(peer_wait(&p), 0);
        }
        drop_others(&o);
        peer_close(&p);
    }
}

/* Ranks wait for the answer, and report again on each new link. */
TEST(it_is_said_again_on_each_new_link)
{
    struct peer p = {0};
    struct others o;
    uint64_t digest;

    if (begin(&p, &o, 4) && (digest = do_step(&p, 1)) != 0) {
        peer_stop(&p);
        expect_all_done(&p, &o, 1, digest);
        for (int again = 0; again < 2; again++) { /* ranks 1 and up only, without an order */
            drop_others(&o);
            for (int r = 1; r < o.ranks; r++)
                o.link[r].fd = -1;
            if (accept_others(&p, &o))
                for (int r = 1; r < o.ranks; r++)
                    expect_done(&o.link[r], (uint32_t)r, &o, 1, digest);
        }
        peer_leave(&p);
        EXPECT_EQ(peer_wait(&p), 0);
    }
    drop_others(&o);
    peer_close(&p);
}

/* bitd is killed between the reports and comes back: rank 0 reports its step, is stopped, and all report again. */
TEST(a_daemon_that_comes_back_orders_it_again)
{
    struct peer p = {0};
    struct others o;
    uint64_t digest;

    if (begin(&p, &o, 2) && (digest = do_step(&p, 1)) != 0) {
        peer_stop(&p);
        expect_done(&p, 0, &o, 1, digest);
        peer_drop(&p);
        const Bit__WorkerHello *hello = peer_accept(&p);
        if (hello != NULL && EXPECT(hello->training) && EXPECT_EQ(hello->step, 1)) {
            peer_welcome(&p, 1, NULL);
            EXPECT(peer_next(&p, BIT_MSG_WORKER_READY) != NULL);
            peer_stop(&p);
            expect_all_done(&p, &o, 1, digest);
            peer_leave(&p);
            EXPECT_EQ(peer_wait(&p), 0);
        }
    }
    drop_others(&o);
    peer_close(&p);
}

/* The next bitd may order further steps after the stop; the WorkerDone then no longer counts. */
TEST(a_step_after_a_stop_takes_it_back)
{
    struct peer p = {0};
    struct others o;
    uint64_t first, second;

    if (begin(&p, &o, 2) && (first = do_step(&p, 1)) != 0) {
        peer_stop(&p);
        expect_all_done(&p, &o, 1, first);
        second = do_step(&p, 2);
        EXPECT_NE(first, second);
        drop_others(&o);
        o.link[1].fd = -1;
        if (accept_others(&p, &o)) {
            EXPECT(peer_next(&o.link[1], BIT_MSG_HEARTBEAT) != NULL); /* no WorkerDone before ... */
            peer_stop(&p);
            expect_all_done(&p, &o, 2, second); /* ... this */
            peer_leave(&p);
            EXPECT_EQ(peer_wait(&p), 0);
        }
    }
    drop_others(&o);
    peer_close(&p);
}

TEST(leave_to_go_before_the_end_is_refused)
{
    struct peer p = {0};

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        peer_leave(&p);
        const Bit__WorkerFailed *failed = peer_next(&p, BIT_MSG_WORKER_FAILED);
        if (failed != NULL)
            EXPECT_CONTAINS(failed->text, "done_taken before the stop order");
        EXPECT_NE(peer_wait(&p), 0);
    }
    peer_close(&p);
}

TEST_MAIN
