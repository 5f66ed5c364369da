/* A step's batch, and the next one sent ahead: each rank gets its own instances of the batch that is trained on. */
#include "worker/ranks/instances.h"

#include "proto/check.h"
#include "proto/err.h"
#include "tests/mpi/mpi_test.h"

#define CONTEXT   8
#define INSTANCES 16
#define MANY      40 /* in an evaluation: more than in a step */

struct bed {
    struct bit_exec exec;
    struct bit_worker_plan plan;
    struct bit_instances instances;
    int64_t token_bytes;
    uint8_t batch[MANY * CONTEXT * 4]; /* as in an order's payload */
};

/* Bytes per id: each test runs with both. */
static const int64_t widths[] = {2, 4};

static uint32_t vocab_of(int64_t token_bytes)
{
    return token_bytes == 2 ? 50000 : 200000;
}

static bool open_bed(struct bed *b, int64_t token_bytes)
{
    b->token_bytes = token_bytes;
    b->plan = (struct bit_worker_plan){
        .context = CONTEXT, .instances = INSTANCES, .vocab = vocab_of(token_bytes), .token_bytes = token_bytes};
    return EXPECT_EQ(bit_exec_init(&b->exec, BIT_BACKEND_CPU, 1, 0), 0) &&
           EXPECT_EQ(bit_instances_init(&b->instances, &comm, &b->plan, &b->exec), 0);
}

static void close_bed(struct bed *b)
{
    bit_instances_finish(&b->instances);
    bit_instances_finish(&b->instances);
    bit_exec_finish(&b->exec);
}

static uint32_t token_of(const struct bed *b, uint64_t seed, int64_t at)
{
    return (uint32_t)(mix(seed * 1000003 + (uint64_t)at) % vocab_of(b->token_bytes));
}

/* Rank 0 gets the batch of this seed, the others NULL. */
static const uint8_t *draw(struct bed *b, uint64_t seed)
{
    for (int64_t i = 0; i < MANY * CONTEXT; i++)
        for (int64_t k = 0; k < b->token_bytes; k++)
            b->batch[i * b->token_bytes + k] = (uint8_t)(token_of(b, seed, i) >> 8 * k);
    return comm.rank == 0 ? b->batch : NULL;
}

static void expect_batch(const struct bed *b, uint64_t seed, int64_t instances, int64_t mine)
{
    long wrong = 0;

    EXPECT_EQ(mine, bit_comm_share(instances, comm.rank, comm.size));
    for (int64_t i = 0; i < mine; i++)
        for (int64_t t = 0; t < CONTEXT; t++)
            wrong += bit_instances_at(&b->instances, i)[t] !=
                     token_of(b, seed, (comm.rank + i * comm.size) * CONTEXT + t);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(bit_instances_check(&b->instances, mine), 0);
}

static void take(struct bed *b, uint64_t seed, int64_t instances, bool came_ahead)
{
    int64_t mine = bit_instances_take(&b->instances, came_ahead ? NULL : draw(b, seed), instances, came_ahead);

    expect_batch(b, seed, instances, mine);
}

static struct bit_batch_id id(uint64_t step, uint32_t crc)
{
    return (struct bit_batch_id){.step = step, .instances = INSTANCES, .crc = crc};
}

TEST(what_came_ahead_is_the_next_steps_and_leaves_the_one_at_hand_alone)
{
    for (size_t w = 0; w < BIT_COUNT(widths); w++) {
        struct bed b = {0};

        if (open_bed(&b, widths[w])) {
            take(&b, 1, INSTANCES, false);
            for (uint64_t step = 2; step < 6; step++) {
                EXPECT_EQ(bit_instances_take_ahead(&b.instances, draw(&b, step), id(step, 7)), 0);
                expect_batch(&b, step - 1, INSTANCES, bit_comm_share(INSTANCES, comm.rank, comm.size));
                EXPECT(bit_instances_came_ahead(&b.instances, id(step, 7)));
                take(&b, step, INSTANCES, true);
                EXPECT(!bit_instances_came_ahead(&b.instances, id(step, 7)));
            }
        }
        close_bed(&b);
    }
}

TEST(an_evaluation_of_more_instances_leaves_it_alone_too)
{
    for (size_t w = 0; w < BIT_COUNT(widths); w++) {
        struct bed b = {0};

        if (open_bed(&b, widths[w])) {
            take(&b, 1, INSTANCES, false);
            EXPECT_EQ(bit_instances_take_ahead(&b.instances, draw(&b, 2), id(2, 7)), 0);
            take(&b, 99, MANY, false);
            take(&b, 2, INSTANCES, true);
        }
        close_bed(&b);
    }
}

TEST(another_batch_of_the_same_step_is_handed_out_anew)
{
    for (size_t w = 0; w < BIT_COUNT(widths); w++) {
        struct bed b = {0};

        if (open_bed(&b, widths[w])) {
            take(&b, 1, INSTANCES, false);
            EXPECT_EQ(bit_instances_take_ahead(&b.instances, draw(&b, 2), id(2, 7)), 0);
            EXPECT(!bit_instances_came_ahead(&b.instances, id(2, 8)));
            EXPECT(!bit_instances_came_ahead(&b.instances, id(3, 7)));
            take(&b, 5, INSTANCES, false);
            EXPECT_EQ(bit_instances_take_ahead(&b.instances, NULL, id(0, 0)), 0); /* no order */
            EXPECT(!bit_instances_came_ahead(&b.instances, id(0, 0)));
            take(&b, 6, INSTANCES, false);
        }
        close_bed(&b);
    }
}

TEST(what_there_is_no_room_for_does_not_come_ahead)
{
    struct bit_batch_id many = {.step = 2, .instances = MANY, .crc = 7};

    for (size_t w = 0; w < BIT_COUNT(widths); w++) {
        struct bed b = {0};

        if (open_bed(&b, widths[w])) {
            EXPECT_EQ(bit_instances_take_ahead(&b.instances, draw(&b, 2), many), 0);
            EXPECT(!bit_instances_came_ahead(&b.instances, many));
        }
        close_bed(&b);
    }
}

MPI_TEST_MAIN
