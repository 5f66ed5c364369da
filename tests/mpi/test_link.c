/* bitworker, with the test acting as bitd: what it does, what it refuses, and how it survives a lost link. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "tests/mpi/peer.h"
#include "tests/test.h"

#define SIXTEEN BIT__PRECISION__SIXTEEN_BIT
#define TERNARY BIT__PRECISION__TERNARY
#define KEEP    BIT__OPTIMIZER_AT_SWITCH__KEEP
#define RESET   BIT__OPTIMIZER_AT_SWITCH__RESET
#define STEPS   6
#define SWITCH  3

/* The reports of a run of six steps. */
struct history {
    double loss[STEPS + 1], norm[STEPS + 1], zeros[STEPS + 1], flips[STEPS + 1];
    uint64_t digest[STEPS + 1];
};

static bool note_step(struct peer *p, uint64_t step, struct history *h)
{
    const Bit__StepReport *report = peer_next(p, BIT_MSG_STEP_REPORT);

    if (report == NULL || !EXPECT_EQ(report->step, step))
        return false;
    h->loss[step] = report->loss;
    h->norm[step] = report->grad_norm;
    h->digest[step] = report->weights_digest;
    h->zeros[step] = report->has_zero_fraction ? report->zero_fraction : -1;
    h->flips[step] = report->has_flip_rate ? report->flip_rate : -1;
    return EXPECT_EQ(report->tokens, PEER_INSTANCES * PEER_CONTEXT) && EXPECT(report->loss > 0 && report->loss < 10);
}

static Bit__Precision precision_at(uint64_t step)
{
    return step > SWITCH ? TERNARY : SIXTEEN;
}

static bool do_step(struct peer *p, uint64_t step, struct history *h)
{
    peer_step(p, step, precision_at(step), 1);
    return note_step(p, step, h);
}

static bool do_switch(struct peer *p, Bit__OptimizerAtSwitch optimizer)
{
    peer_switch(p, SWITCH, optimizer);
    return peer_next(p, BIT_MSG_PHASE_SWITCHED) != NULL;
}

static void finish(struct peer *p, uint64_t step, uint64_t digest)
{
    const Bit__WorkerDone *done;

    peer_stop(p);
    done = peer_next(p, BIT_MSG_WORKER_DONE);
    if (done != NULL) {
        EXPECT_EQ(done->step, step);
        EXPECT_EQ(done->weights_digest, digest);
        EXPECT_EQ(done->rank, 0);
    }
    peer_leave(p);
    EXPECT_EQ(peer_wait(p), 0);
}

/* Six steps, a switch after the third, undisturbed. */
static void run_whole(int ranks, Bit__OptimizerAtSwitch optimizer, struct history *h)
{
    struct peer p = {0};

    if (peer_open(&p) && peer_begin(&p, ranks, NULL) != NULL) {
        bool fine = true;
        for (uint64_t step = 1; step <= STEPS && fine; step++) {
            fine = do_step(&p, step, h);
            if (step == SWITCH && fine)
                fine = do_switch(&p, optimizer);
        }
        if (fine)
            finish(&p, STEPS, h->digest[STEPS]);
    }
    peer_close(&p);
}

/* The history that disturbed runs are compared with, computed once. */
static const struct history *undisturbed(int ranks)
{
    static struct history h[3];

    if (h[ranks].loss[1] == 0)
        run_whole(ranks, KEEP, &h[ranks]);
    return &h[ranks];
}

static void expect_same(const struct history *a, const struct history *b, uint64_t from, uint64_t to)
{
    for (uint64_t step = from; step <= to; step++) {
        EXPECT_EQ(a->loss[step], b->loss[step]);
        EXPECT_EQ(a->norm[step], b->norm[step]);
        EXPECT_EQ(a->digest[step], b->digest[step]);
    }
}

static void expect_failed(struct peer *p, int err, const char *part)
{
    const Bit__WorkerFailed *failed = peer_next(p, BIT_MSG_WORKER_FAILED);

    if (failed == NULL)
        return;
    EXPECT_EQ(failed->error, err);
    EXPECT_CONTAINS(failed->text, part);
    EXPECT_EQ(peer_wait(p), bit_exit_code(err));
}

TEST(six_steps_and_a_switch_that_keeps_the_optimizer)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        const struct history *h = undisturbed(ranks);
        EXPECT(h->loss[3] < h->loss[1]);
        EXPECT(h->loss[6] < h->loss[4]);
        EXPECT_EQ(h->zeros[SWITCH], -1);
        EXPECT(h->zeros[4] > 0.1 && h->zeros[4] < 0.5);
        EXPECT_EQ(h->flips[4], -1); /* no codes to compare with */
        EXPECT(h->flips[5] > 0 && h->flips[5] < 0.5);
    }
}

TEST(the_number_of_ranks_does_not_change_what_a_step_contains)
{
    const struct history *one = undisturbed(1), *two = undisturbed(2);

    /* The order of sums differs; after the first step the differences grow. */
    EXPECT_NEAR(one->loss[1], two->loss[1], 1e-6 * one->loss[1]);
    EXPECT_NEAR(one->norm[1], two->norm[1], 1e-4 * one->norm[1]);
    EXPECT_NEAR(one->loss[6], two->loss[6], 0.02 * one->loss[6]);
}

static void expect_switched(Bit__OptimizerAtSwitch optimizer)
{
    struct peer p = {0};
    struct history h = {0};
    const Bit__PhaseSwitched *s;

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h) && do_step(&p, 2, &h) &&
        do_step(&p, 3, &h)) {
        peer_switch(&p, SWITCH, optimizer);
        s = peer_next(&p, BIT_MSG_PHASE_SWITCHED);
        if (s != NULL) {
            EXPECT_EQ(s->after_step, SWITCH);
            EXPECT_EQ(s->optimizer_step_before, 3);
            EXPECT_EQ(s->phase->precision, TERNARY);
            EXPECT_EQ(s->phase->switched_after, SWITCH);
            EXPECT_EQ(s->phase->beta1, 0.85);
            EXPECT_EQ(s->phase->optimizer_step, optimizer == KEEP ? 3 : 0);
            EXPECT_EQ(s->moments_before == s->moments_after, optimizer == KEEP);
        }
        if (do_step(&p, 4, &h))
            finish(&p, 4, h.digest[4]);
    }
    peer_close(&p);
}

TEST(a_switch_says_what_it_did_to_the_moments)
{
    expect_switched(KEEP);
    expect_switched(RESET);
}

TEST(reset_trains_on_otherwise_than_keep)
{
    struct history reset = {0};
    const struct history *keep = undisturbed(1);

    run_whole(1, RESET, &reset);
    expect_same(keep, &reset, 1, SWITCH);
    EXPECT_EQ(keep->loss[4], reset.loss[4]); /* computed before the first update */
    EXPECT_NE(keep->digest[4], reset.digest[4]);
}

TEST(every_quantizer_and_a_ramp_train)
{
    static const char *const quantizer[][3] = {
        {"quantizer.preset=reloaded"},
        {"quantizer.preset=b158"},
        {"quantizer.granularity=projection", "quantizer.weight_measure=mean", "quantizer.inner_norm=no_norm"}};

    for (size_t i = 0; i < sizeof quantizer / sizeof *quantizer; i++) {
        struct peer p = {.set = {quantizer[i][0], quantizer[i][1], quantizer[i][2]}};
        struct history h = {0};
        if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h)) {
            peer_switch(&p, 1, KEEP);
            if (peer_next(&p, BIT_MSG_PHASE_SWITCHED) != NULL) {
                peer_step(&p, 2, TERNARY, 0.5);
                EXPECT(note_step(&p, 2, &h));
                peer_step(&p, 3, TERNARY, 1);
                EXPECT(note_step(&p, 3, &h));
                EXPECT(h.flips[3] >= 0);
                finish(&p, 3, h.digest[3]);
            }
        }
        peer_close(&p);
    }
}

/* ---- refusals */

TEST(a_step_of_another_phase_is_refused)
{
    struct peer p = {0};
    struct history h = {0};

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h)) {
        peer_step(&p, 2, TERNARY, 1);
        expect_failed(&p, BIT_EPHASE, "step 2 is ordered in the 1.58-bit phase");
    }
    peer_close(&p);
}

TEST(a_step_that_is_not_the_next_is_refused)
{
    struct peer p = {0};
    struct history h = {0};

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h)) {
        peer_step(&p, 3, SIXTEEN, 1);
        expect_failed(&p, BIT_EPHASE, "an order for step 3, but 2 is the next");
    }
    peer_close(&p);
}

TEST(a_switch_at_another_boundary_is_refused)
{
    struct peer p = {0};

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        peer_switch(&p, 5, KEEP);
        expect_failed(&p, BIT_EPHASE, "after step 5");
    }
    peer_close(&p);
}

TEST(another_epoch_is_refused)
{
    struct peer p = {0};
    Bit__StopOrder stop = BIT__STOP_ORDER__INIT;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        stop.reason = BIT__STOP_REASON__CANCEL;
        peer_send_epoch(&p, p.epoch + 1, BIT_MSG_STOP_ORDER, &stop);
        expect_failed(&p, BIT_EEPOCH, "epoch 8");
    }
    peer_close(&p);
}

TEST(an_id_beyond_the_vocabulary_names_its_rank)
{
    struct peer p = {0};
    uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT];
    Bit__StepOrder order;

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL) {
        peer_tokens(1, tokens);
        tokens[3 * PEER_CONTEXT + 5] = PEER_VOCAB; /* instance 3 is rank 1's */
        peer_step_of(1, SIXTEEN, 1, tokens, &order);
        peer_send(&p, BIT_MSG_STEP_ORDER, &order);
        peer_payload(&p, tokens, sizeof tokens);
        expect_failed(&p, BIT_EDATA, "rank 1");
    }
    peer_close(&p);
}

TEST(a_loss_that_is_no_number_stops_before_the_update)
{
    struct peer p = {0};
    uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT];
    struct history h = {0};
    Bit__StepOrder order;

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL) {
        peer_tokens(1, tokens);
        peer_step_of(1, SIXTEEN, 1, tokens, &order);
        order.lr = 1e30;
        peer_send(&p, BIT_MSG_STEP_ORDER, &order);
        peer_payload(&p, tokens, sizeof tokens);
        if (note_step(&p, 1, &h)) {
            peer_step(&p, 2, SIXTEEN, 1);
            expect_failed(&p, BIT_ENUMERIC, "step 2");
        }
    }
    peer_close(&p);
}

/* ---- a lost link */

TEST(a_daemon_that_comes_back_gets_the_reports_it_lacks)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};
        struct history h = {0};
        const Bit__WorkerHello *hello;
        const Bit__WorkerReady *ready;
        if (!peer_open(&p) || peer_begin(&p, ranks, NULL) == NULL || !do_step(&p, 1, &h) || !do_step(&p, 2, &h) ||
            !do_step(&p, 3, &h) || !do_switch(&p, KEEP) || !do_step(&p, 4, &h)) {
            peer_close(&p);
            return;
        }
        hello = peer_accept(&p); /* closes the old link */
        if (hello != NULL) {
            EXPECT(hello->training);
            EXPECT_EQ(hello->step, 4);
            memset(&h.loss[3], 0, 2 * sizeof h.loss[0]);
            peer_welcome(&p, 2, NULL); /* nothing after step 2 was journalled */
            EXPECT(note_step(&p, 3, &h));
            EXPECT(peer_next(&p, BIT_MSG_PHASE_SWITCHED) != NULL);
            EXPECT(note_step(&p, 4, &h));
            ready = peer_next(&p, BIT_MSG_WORKER_READY);
            if (ready != NULL) {
                EXPECT_EQ(ready->step, 4);
                EXPECT_EQ(ready->phase->precision, TERNARY);
                EXPECT_EQ(ready->weights_digest, h.digest[4]);
            }
            if (do_step(&p, 5, &h) && do_step(&p, 6, &h))
                finish(&p, 6, h.digest[6]);
            expect_same(&h, undisturbed(ranks), 1, STEPS);
        }
        peer_close(&p);
    }
}

TEST(orders_that_were_not_begun_are_dropped_with_the_link)
{
    struct peer p = {0};
    struct history h = {0};
    const Bit__WorkerHello *hello;
    const Bit__WorkerReady *ready;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h)) {
        for (uint64_t step = 2; step <= SWITCH; step++)
            peer_step(&p, step, SIXTEEN, 1);
        hello = peer_accept(&p); /* the worker may be in step 2 or 3 */
        if (hello != NULL) {
            uint64_t done = hello->step;
            EXPECT(done >= 1 && done <= SWITCH);
            peer_welcome(&p, 1, NULL);
            for (uint64_t step = 2; step <= done; step++)
                EXPECT(note_step(&p, step, &h));
            ready = peer_next(&p, BIT_MSG_WORKER_READY);
            if (ready != NULL)
                EXPECT_EQ(ready->step, done);
            for (uint64_t step = done + 1; step <= SWITCH; step++)
                do_step(&p, step, &h);
            finish(&p, SWITCH, h.digest[SWITCH]);
            expect_same(&h, undisturbed(1), 1, SWITCH);
        }
    }
    peer_close(&p);
}

TEST(garbage_costs_the_link_and_not_the_training)
{
    static const char garbage[] = "GET / HTTP/1.1\r\nHost: bitd\r\n\r\n";
    struct peer p = {0};
    struct history h = {0};
    const Bit__WorkerHello *hello;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h)) {
        peer_write(&p, garbage, sizeof garbage);
        hello = peer_accept(&p);
        if (hello != NULL && EXPECT_EQ(hello->step, 1)) {
            peer_welcome(&p, 1, NULL);
            if (peer_next(&p, BIT_MSG_WORKER_READY) != NULL && do_step(&p, 2, &h) && do_step(&p, 3, &h))
                finish(&p, 3, h.digest[3]);
        }
        expect_same(&h, undisturbed(1), 1, 3);
    }
    peer_close(&p);
}

TEST(tokens_that_do_not_match_their_checksum_cost_the_link)
{
    struct peer p = {0};
    uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT];
    struct history h = {0};
    Bit__StepOrder order;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        peer_tokens(1, tokens);
        peer_step_of(1, SIXTEEN, 1, tokens, &order);
        order.token_crc ^= 1;
        peer_send(&p, BIT_MSG_STEP_ORDER, &order);
        peer_payload(&p, tokens, sizeof tokens);
        const Bit__WorkerHello *hello = peer_accept(&p);
        if (hello != NULL && EXPECT_EQ(hello->step, 0) && EXPECT(hello->training)) {
            peer_welcome(&p, 0, NULL);
            if (peer_next(&p, BIT_MSG_WORKER_READY) != NULL && do_step(&p, 1, &h))
                finish(&p, 1, undisturbed(1)->digest[1]);
        }
    }
    peer_close(&p);
}

TEST(a_daemon_that_stays_away_ends_the_worker)
{
    struct peer p = {.retry_s = "1"};

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL) {
        unlink(p.socket);
        peer_drop(&p);
        EXPECT_NE(peer_wait(&p), 0);
    }
    peer_close(&p);
}

TEST(sigterm_ends_it_at_once)
{
    struct peer p = {0};

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        kill(p.pid, SIGTERM);
        EXPECT_EQ(peer_wait(&p), 128 + SIGTERM);
    }
    peer_close(&p);
}

/* A file of Open MPI's in shared memory that the process has mapped. */
static bool find_segment(pid_t pid, char *out, size_t room)
{
    static const char of_ompi[] = "/dev/shm/vader_segment.";
    char path[64], line[512];

    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "r");
    const char *found = NULL;
    while (f != NULL && found == NULL && fgets(line, sizeof line, f) != NULL)
        found = strstr(line, of_ompi);
    if (f != NULL)
        fclose(f);
    if (found != NULL)
        snprintf(out, room, "%.*s", (int)strcspn(found, " \n"), found);
    return found != NULL;
}

TEST(no_rank_outlives_its_launcher)
{
    struct peer p = {0};
    struct history h = {0};

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h)) {
        char segment[200] = "";
        EXPECT(find_segment(p.rank, segment, sizeof segment));
        EXPECT_EQ(access(segment, F_OK), 0);
        peer_kill(&p); /* SIGKILL: mpirun cannot end its ranks */
        EXPECT_NE(access(segment, F_OK), 0);
    }
    peer_close(&p);
}

TEST(heartbeats_come_between_orders)
{
    struct peer p = {0};
    const Bit__Heartbeat *beat;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL) {
        do /* on a busy machine it may be ready before it waits for orders */
            beat = peer_next(&p, BIT_MSG_HEARTBEAT);
        while (beat != NULL && strcmp(beat->section, "start") == 0);
        for (int i = 0; i < 2 && beat != NULL; i++) {
            EXPECT_EQ(beat->step, 0);
            EXPECT_STREQ(beat->section, "wait");
            beat = peer_next(&p, BIT_MSG_HEARTBEAT);
        }
    }
    peer_close(&p);
}

/* ---- evaluation */

static bool do_evaluate(struct peer *p, uint64_t after, Bit__Precision precision, uint32_t instances, double *loss)
{
    const Bit__EvaluateReport *report;

    peer_evaluate(p, after, precision, instances);
    report = peer_next(p, BIT_MSG_EVALUATE_REPORT);
    if (report == NULL)
        return false;
    *loss = report->loss;
    return EXPECT_EQ(report->targets, instances * (PEER_CONTEXT - 1)) && EXPECT_STREQ(report->set, "books") &&
           EXPECT_EQ(report->precision, precision) && EXPECT_EQ(report->after_step, after);
}

TEST(evaluation_leaves_training_as_it_was)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};
        struct history h = {0};
        double before, again, whole, three;
        bool fine = peer_open(&p) && peer_begin(&p, ranks, NULL) != NULL;
        for (uint64_t step = 1; step <= STEPS && fine; step++) {
            fine = do_step(&p, step, &h) && do_evaluate(&p, step, TERNARY, PEER_INSTANCES, &before) &&
                   do_evaluate(&p, step, precision_at(step), PEER_INSTANCES, &whole) &&
                   do_evaluate(&p, step, TERNARY, PEER_INSTANCES, &again) && do_evaluate(&p, step, TERNARY, 3, &three);
            if (fine) {
                EXPECT_EQ(before, again);
                EXPECT_NE(three, again);
                EXPECT_EQ(whole == again, precision_at(step) == TERNARY);
            }
            if (step == SWITCH && fine)
                fine = do_switch(&p, KEEP);
        }
        if (fine) {
            finish(&p, STEPS, h.digest[STEPS]);
            expect_same(&h, undisturbed(ranks), 1, STEPS);
            for (uint64_t step = SWITCH + 1; step <= STEPS; step++) {
                EXPECT_EQ(h.flips[step], undisturbed(ranks)->flips[step]);
                EXPECT_EQ(h.zeros[step], undisturbed(ranks)->zeros[step]);
            }
        }
        peer_close(&p);
    }
}

static bool do_score(struct peer *p, uint64_t after, Bit__Precision precision, double sum[PEER_REQUESTS])
{
    const Bit__ScoreReport *report;

    peer_score(p, after, precision, 77, false);
    report = peer_next(p, BIT_MSG_SCORE_REPORT);
    if (report == NULL || !EXPECT_EQ(report->n_sum, PEER_REQUESTS))
        return false;
    memcpy(sum, report->sum, PEER_REQUESTS * sizeof *sum);
    for (int r = 0; r < PEER_REQUESTS; r++)
        EXPECT(sum[r] < 0);
    return EXPECT_EQ(report->tag, 77) && EXPECT_EQ(report->precision, precision) &&
           EXPECT_EQ(report->after_step, after) && EXPECT_EQ(report->n_no_number, 0);
}

/* In both phases. Before the first step the weights have the same bits on 1 and 2 ranks, so the scores must, too. */
TEST(scores_do_not_depend_on_the_ranks_and_leave_training_as_it_was)
{
    double first[2][2][PEER_REQUESTS];

    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};
        struct history h = {0};
        double sum[2][PEER_REQUESTS];
        double(*at_first)[PEER_REQUESTS] = first[ranks - 1];
        bool fine = peer_open(&p) && peer_begin(&p, ranks, NULL) != NULL && do_score(&p, 0, TERNARY, at_first[1]) &&
                    do_score(&p, 0, BIT__PRECISION__SIXTEEN_BIT, at_first[0]);
        for (uint64_t step = 1; step <= STEPS && fine; step++) {
            fine = do_step(&p, step, &h) && do_score(&p, step, TERNARY, sum[0]) &&
                   do_score(&p, step, precision_at(step), sum[1]);
            if (fine) {
                EXPECT_NE(sum[1][0], at_first[0][0]);
                EXPECT_EQ(memcmp(sum[0], sum[1], sizeof sum[0]) == 0, precision_at(step) == TERNARY);
            }
            if (step == SWITCH && fine)
                fine = do_switch(&p, KEEP);
        }
        if (fine) {
            finish(&p, STEPS, h.digest[STEPS]);
            expect_same(&h, undisturbed(ranks), 1, STEPS);
        }
        peer_close(&p);
    }
    EXPECT_MEMEQ(first[0], first[1], sizeof first[0]);
}

TEST(a_bad_request_is_named)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};

        if (peer_open(&p) && peer_begin(&p, ranks, NULL) != NULL) {
            peer_score(&p, 0, TERNARY, 1, true);
            expect_failed(&p, BIT_EDATA, "of request 59 is beyond the vocabulary of 250");
        }
        peer_close(&p);
    }
}

TEST_MAIN
