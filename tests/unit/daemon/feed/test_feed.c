#include "daemon/feed/feed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/data/shards.h"
#include "proto/data/shuffle.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/frame.h"
#include "tests/test.h"

#define CONTEXT 8
#define BATCH   4

/* Token t of file k is 1000 k + t, so that a row shows where it came from. */
static char path[3][64];
static const size_t tokens_of[3] = {8 * 7 + 5, 3, 8 * 6}; /* 7 instances and a remainder, none, 6 */

static void write_file(int k)
{
    uint16_t tokens[64];

    for (size_t t = 0; t < tokens_of[k]; t++)
        tokens[t] = (uint16_t)(1000 * k + (int)t);
    test_write(path[k], tokens, 2 * tokens_of[k]);
}

TEST(makes_its_files)
{
    for (int k = 0; k < 3; k++) {
        snprintf(path[k], sizeof path[k], "%s/%d.npy", test_folder(), k);
        write_file(k);
    }
}

static struct spec {
    Bit__RunSpec run;
    Bit__ModelSpec model;
    Bit__DataSpec data;
    Bit__BatchSpec batch;
    Bit__EvalSpec eval;
    Bit__EvalSet set, *sets[1];
    char *train[3], *held[1];
} s;

static const Bit__RunSpec *make_spec(uint32_t vocab)
{
    s = (struct spec){.run = BIT__RUN_SPEC__INIT,
                      .model = BIT__MODEL_SPEC__INIT,
                      .data = BIT__DATA_SPEC__INIT,
                      .batch = BIT__BATCH_SPEC__INIT,
                      .eval = BIT__EVAL_SPEC__INIT,
                      .set = BIT__EVAL_SET__INIT};
    for (int k = 0; k < 3; k++)
        s.train[k] = path[k];
    s.held[0] = path[2];
    s.sets[0] = &s.set;
    s.run.model = &s.model;
    s.run.data = &s.data;
    s.run.batch = &s.batch;
    s.run.eval = &s.eval;
    s.model.context = CONTEXT;
    s.model.vocab = vocab;
    s.data.train = s.train;
    s.data.n_train = 3;
    s.data.seed = 6198;
    s.batch.instances = BATCH;
    s.set.name = bit_lend("held");
    s.set.path = s.held;
    s.set.n_path = 1;
    s.eval.set = s.sets;
    s.eval.n_set = 1;
    s.eval.instances = 4;
    return &s.run;
}

/* The index, among the 13 instances, of the one that this row is. */
static uint32_t instance_of(const uint16_t *row)
{
    return row[0] < 1000 ? row[0] / CONTEXT : 7 + (uint32_t)(row[0] - 2000) / CONTEXT;
}

/* Batch k of epoch e is indices[kB, (k+1)B) of the order of seed + e. 13 instances give three batches; one is left out.
 */
TEST(batches_follow_the_order)
{
    struct bit_feed *feed = NULL;

    if (!EXPECT_EQ(bit_feed_create(make_spec(5000), &feed), 0))
        return;
    EXPECT_EQ(bit_feed_instances(feed), 13);
    EXPECT_EQ(bit_feed_epoch_steps(feed), 3);
    for (uint64_t step = 1; step <= 9; step++) {
        uint64_t epoch = (step - 1) / 3, k = (step - 1) % 3;
        uint32_t order[13];
        struct bit_shuffle *shuffle = NULL;
        struct bit_payload *p = NULL;
        EXPECT_EQ(bit_shuffle_create(6198, 13, &shuffle), 0);
        EXPECT_EQ(bit_shuffle_read(shuffle, epoch, 0, 13, order), 0);
        if (EXPECT_EQ(bit_feed_step(feed, step, 3, &p), 0) && EXPECT_EQ(p->size, 2 * BATCH * CONTEXT)) {
            const uint16_t *tokens = (const uint16_t *)(const void *)p->bytes;
            for (int row = 0; row < BATCH; row++)
                EXPECT_EQ(instance_of(tokens + row * CONTEXT), order[k * BATCH + (uint64_t)row]);
            for (int t = 1; t < CONTEXT; t++)
                EXPECT_EQ(tokens[t], tokens[t - 1] + 1);
        }
        bit_payload_destroy(p);
        bit_shuffle_destroy(shuffle);
    }
    bit_feed_destroy(feed);
}

/* A step's batch is the same, whichever steps were asked for before. */
TEST(a_step_does_not_depend_on_those_before)
{
    struct bit_feed *a = NULL, *b = NULL;
    struct bit_payload *p = NULL, *q = NULL;

    EXPECT_EQ(bit_feed_create(make_spec(5000), &a), 0);
    EXPECT_EQ(bit_feed_create(make_spec(5000), &b), 0);
    for (uint64_t step = 1; step <= 8; step++) {
        EXPECT_EQ(bit_feed_step(a, step, 1, &p), 0);
        if (step == 8 && EXPECT_EQ(bit_feed_step(b, 8, 1, &q), 0))
            EXPECT_MEMEQ(p->bytes, q->bytes, p->size);
        bit_payload_destroy(p);
    }
    bit_payload_destroy(q);
    bit_feed_destroy(a);
    bit_feed_destroy(b);
}

TEST(evaluates_the_first_instances_in_file_order)
{
    struct bit_feed *feed = NULL;
    struct bit_payload *p = NULL;

    EXPECT_EQ(bit_feed_create(make_spec(5000), &feed), 0);
    EXPECT_EQ(bit_feed_eval_instances(feed, 0), 4);
    if (EXPECT_EQ(bit_feed_eval(feed, 0, 1, &p), 0))
        for (int t = 0; t < 4 * CONTEXT; t++)
            EXPECT_EQ(((const uint16_t *)(const void *)p->bytes)[t], 2000 + t);
    bit_payload_destroy(p);
    bit_feed_destroy(feed);
}

TEST(payloads_are_sealed_in_pieces)
{
    struct bit_payload *p = NULL;
    struct bit_frame frame;
    size_t need, size = BIT_PAYLOAD_CHUNK * 2 + 10;

    EXPECT_EQ(bit_payload_create(size, &p), 0);
    for (size_t i = 0; i < size; i++)
        p->bytes[i] = (uint8_t)(i * 7 + i / 999);
    EXPECT_EQ(bit_payload_seal(p, 42), 0);
    EXPECT_EQ(p->crc, bit_crc32c(0, p->bytes, size));
    EXPECT_EQ(p->frame_count, 3);
    EXPECT_EQ(bit_payload_piece_bytes(p, 2), 10);
    uint8_t last[BIT_FRAME_HEADER_BYTES + 10];
    memcpy(last, p->headers + 2 * BIT_FRAME_HEADER_BYTES, BIT_FRAME_HEADER_BYTES);
    memcpy(last + BIT_FRAME_HEADER_BYTES, p->bytes + 2 * BIT_PAYLOAD_CHUNK, 10);
    EXPECT_EQ(bit_frame_decode(last, sizeof last, BIT_FRAME_BODY_MAX, &frame, &need), (int64_t)sizeof last);
    EXPECT_EQ(frame.type, BIT_FRAME_PAYLOAD);
    EXPECT_EQ(frame.epoch, 42);
    bit_payload_destroy(p);
    EXPECT_EQ(bit_payload_create((size_t)BIT_STEP_TOKEN_BYTES_MAX + 1, &p), BIT_ELIMIT);
}

TEST(says_where_an_id_is_too_large)
{
    struct bit_feed *feed = NULL;
    struct bit_payload *p = NULL;
    int err = 0;

    EXPECT_EQ(bit_feed_create(make_spec(2030), &feed), 0);
    for (uint64_t step = 1; step <= 6 && err == 0; step++) {
        err = bit_feed_step(feed, step, 1, &p);
        if (err == 0)
            bit_payload_destroy(p);
    }
    EXPECT_EQ(err, BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), path[2]);
    EXPECT_CONTAINS(bit_fail_text(), "is not below the vocabulary's 2030");
    bit_feed_destroy(feed);
}

static const struct bit_shards_shape shape = {.context = CONTEXT, .vocab = 5000, .token_bytes = 2};

TEST(notices_what_changed_under_it)
{
    struct bit_shards *ds = NULL;
    char *paths[] = {path[0]};
    uint16_t row[CONTEXT];

    EXPECT_EQ(bit_shards_create(paths, 1, &shape, &ds), 0);
    EXPECT_EQ(bit_shards_read(ds, 0, row), 0);
    EXPECT_EQ(truncate(path[0], 40), 0);
    EXPECT_EQ(bit_shards_read(ds, 1, row), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "truncated at byte 40");
    write_file(0);
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    EXPECT_EQ(utimensat(AT_FDCWD, path[0], old, 0), 0);
    EXPECT_EQ(bit_shards_read(ds, 1, row), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "changed under the run");
    bit_shards_destroy(ds);
    write_file(0);
}

TEST(many_files_need_few_descriptors)
{
    char *paths[300];
    struct bit_shards *ds = NULL;
    uint16_t row[CONTEXT];

    for (int i = 0; i < 300; i++)
        paths[i] = path[i % 2 ? 0 : 2];
    EXPECT_EQ(bit_shards_create(paths, 300, &shape, &ds), 0);
    EXPECT_EQ(bit_shards_instances(ds), 150 * 13);
    for (uint64_t i = 0; i < bit_shards_instances(ds); i += 6)
        EXPECT_EQ(bit_shards_read(ds, i, row), 0);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT(next >= 0 && next < 100);
    close(next);
    bit_shards_destroy(ds);
}

TEST(refuses_less_than_one_batch)
{
    struct bit_feed *feed = NULL;
    const Bit__RunSpec *run = make_spec(5000);

    s.batch.instances = 14;
    EXPECT_EQ(bit_feed_create(run, &feed), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "13 instances");
    s.batch.instances = 13;
    EXPECT_EQ(bit_feed_create(run, &feed), 0);
    bit_feed_destroy(feed);
}

TEST_MAIN
