/* Which peers a link accepts, and that a stranger cannot use what he recorded. */
#include "proto/wire/handshake.h"

#include <errno.h>
#include <sodium.h>

#include "proto/err.h"
#include "tests/test.h"

/*
 * A whole handshake of run r12's launch 7, secret 0, 1, 2, ..., worker's key pair from 1, 2, 3, ..., bitd's from 41,
 * 42, ...: made by another implementation (RFC 7748, RFC 8439 and HChaCha20 in plain Python, hashlib's BLAKE2b).
 */
static const uint8_t worker_secret[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
                                        0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
                                        0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20};
static const uint8_t known_hello[] = {
    0x62, 0x69, 0x74, 0x6c, 0x69, 0x6e, 0x6b, 0x31, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x72, 0x31, 0x32,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0xa3, 0x7c, 0xbc, 0x14, 0x20, 0x93, 0xc8, 0xb7,
    0x55, 0xdc, 0x1b, 0x10, 0xe8, 0x6c, 0xb4, 0x26, 0x37, 0x4a, 0xd1, 0x6a, 0xa8, 0x53, 0xed, 0x0b, 0xdf, 0xc0, 0xb2,
    0xb8, 0x6d, 0x1c, 0x7c, 0x74, 0x8d, 0xf5, 0x3f, 0x28, 0x27, 0xbd, 0x8a, 0xd4, 0xe6, 0x1e, 0x35, 0x49, 0x1e, 0x78,
    0xfe, 0x15, 0x20, 0x42, 0x37, 0x1b, 0x25, 0xda, 0x63, 0x7f, 0xe3, 0xb7, 0xf0, 0xb7, 0xd8, 0x83, 0xef};
static const uint8_t known_answer[] = {
    0x62, 0x69, 0x74, 0x6c, 0x69, 0x6e, 0x6b, 0x31, 0x46, 0xb1, 0x88, 0x0a, 0x0d, 0xca, 0x97, 0xae,
    0x16, 0x18, 0xd3, 0xd8, 0xc0, 0x4c, 0xc5, 0x1b, 0x10, 0xfd, 0x08, 0xc1, 0xcd, 0x88, 0x39, 0xc1,
    0xbb, 0xf4, 0xbd, 0x7f, 0xe0, 0x14, 0x00, 0x5d, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b,
    0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x7b,
    0xe6, 0xe0, 0x95, 0x2d, 0xb9, 0xf3, 0x7b, 0x57, 0x90, 0x32, 0xa7, 0xad, 0x2e, 0x61, 0xe0, 0xc8,
    0x56, 0xe9, 0x26, 0xc2, 0x89, 0x86, 0x5d, 0x3f, 0xba, 0xb7, 0x88, 0x22, 0x29, 0xfc, 0x25, 0x98};
static const uint8_t known_welcome[] = {0x18, 0x00, 0x00, 0x00, 0x0a, 0xf8, 0x9b, 0x76, 0x21, 0x33,
                                        0xb7, 0x86, 0x6d, 0x9f, 0x8a, 0xd6, 0xf7, 0x93, 0x65, 0x5f,
                                        0x89, 0x64, 0xdb, 0xb4, 0xa2, 0x84, 0x83, 0x65};

static struct bit_launch_id launch(uint64_t epoch)
{
    struct bit_launch_id id = {.run = "r12", .epoch = epoch};

    for (size_t i = 0; i < sizeof id.secret; i++)
        id.secret[i] = (uint8_t)i;
    return id;
}

/* Both ends of one link. */
struct ends {
    struct bit_handshake worker;
    uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], header[BIT_SEAL_HEADER_BYTES], hello[BIT_HANDSHAKE_HELLO_BYTES];
    struct bit_sealer up, down;
    uint8_t in_key[BIT_SEAL_KEY_BYTES];
    struct bit_opener up_in, down_in;
};

static int answer(struct ends *e, const struct bit_launch_id *id)
{
    return bit_handshake_answer(id, e->hello, e->answer, &e->down, e->in_key);
}

static void begin(struct ends *e, const struct bit_launch_id *id)
{
    *e = (struct ends){0};
    bit_handshake_begin(&e->worker, id);
    memcpy(e->hello, e->worker.hello, sizeof e->hello);
}

static bool join(struct ends *e)
{
    const struct bit_launch_id id = launch(7);

    begin(e, &id);
    return EXPECT_EQ(answer(e, &id), 0) &&
           EXPECT_EQ(bit_handshake_finish(&e->worker, e->answer, &e->up, e->header, &e->down_in), 0) &&
           EXPECT_EQ(bit_opener_init(&e->up_in, e->in_key, e->header, BIT_SEAL_PLAIN_MAX), 0);
}

static void part(struct ends *e)
{
    bit_opener_finish(&e->up_in);
    bit_opener_finish(&e->down_in);
}

static int open_one(struct bit_opener *in, const uint8_t *record, size_t bytes, char text[64])
{
    const uint8_t *plain;
    size_t room_bytes, plain_bytes;
    uint8_t *room = bit_opener_room(in, &room_bytes);

    memcpy(room, record, bytes);
    bit_opener_commit(in, bytes);
    int got = bit_opener_next(in, &plain, &plain_bytes);
    if (got > 0)
        snprintf(text, 64, "%.*s", (int)plain_bytes, (const char *)plain);
    return got;
}

static int pass(struct bit_sealer *out, struct bit_opener *in, const char *text)
{
    uint8_t record[128];
    char got[64] = "";
    int err = open_one(in, record, bit_sealer_seal(out, text, strlen(text), record), got);

    if (err > 0)
        EXPECT_STREQ(got, text);
    return err;
}

TEST(the_messages_are_the_documented_ones)
{
    struct bit_launch_id id = launch(7);
    struct bit_handshake worker = {.id = id};
    uint8_t answer_bytes[BIT_HANDSHAKE_ANSWER_BYTES], in_key[BIT_SEAL_KEY_BYTES], header[BIT_SEAL_HEADER_BYTES];
    struct bit_sealer out;
    struct bit_opener in;
    char text[64] = "", run[BIT_RUN_ID_MAX];
    uint64_t epoch;

    EXPECT_EQ(sizeof known_hello, BIT_HANDSHAKE_HELLO_BYTES);
    EXPECT_EQ(sizeof known_answer, BIT_HANDSHAKE_ANSWER_BYTES);
    EXPECT_EQ(bit_handshake_peek(known_hello, run, &epoch), 0);
    EXPECT_STREQ(run, "r12");
    EXPECT_EQ(epoch, 7u);
    EXPECT_EQ(bit_handshake_answer(&id, known_hello, answer_bytes, &out, in_key), 0);
    memcpy(worker.secret_key, worker_secret, sizeof worker_secret);
    memcpy(worker.hello, known_hello, sizeof known_hello);
    if (!EXPECT_EQ(bit_handshake_finish(&worker, known_answer, &out, header, &in), 0))
        return;
    EXPECT_EQ(open_one(&in, known_welcome, sizeof known_welcome, text), 1);
    EXPECT_STREQ(text, "welcome");
    bit_opener_finish(&in);
}

TEST(who_shares_the_secret_talks_both_ways)
{
    struct ends e;

    if (!join(&e))
        return;
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pass(&e.up, &e.up_in, "a report"), 1);
        EXPECT_EQ(pass(&e.down, &e.down_in, "an order"), 1);
    }
    part(&e);
}

TEST(nothing_of_the_worker_is_left_behind)
{
    static const struct bit_handshake none;
    struct ends e;

    if (!join(&e))
        return;
    EXPECT_MEMEQ(&e.worker, &none, sizeof none);
    part(&e);
}

TEST(every_bit_of_a_hello_matters)
{
    const struct bit_launch_id id = launch(7);
    struct ends e;

    begin(&e, &id);
    for (size_t bit = 0; bit < 8 * sizeof e.hello; bit++) {
        e.hello[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_EQ(answer(&e, &id), BIT_EAUTH);
        e.hello[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    EXPECT_EQ(answer(&e, &id), 0);
}

TEST(every_bit_of_an_answer_matters)
{
    const struct bit_launch_id id = launch(7);
    struct ends e;

    begin(&e, &id);
    if (!EXPECT_EQ(answer(&e, &id), 0))
        return;
    for (size_t bit = 0; bit < 8 * sizeof e.answer; bit++) {
        struct bit_handshake copy = e.worker;
        e.answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_EQ(bit_handshake_finish(&copy, e.answer, &e.up, e.header, &e.down_in), BIT_EAUTH);
        e.answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    EXPECT_EQ(bit_handshake_finish(&e.worker, e.answer, &e.up, e.header, &e.down_in), 0);
    bit_opener_finish(&e.down_in);
}

TEST(a_stranger_is_refused_by_either_side)
{
    const struct bit_launch_id id = launch(7);
    struct bit_launch_id wrong = id;
    struct ends e;

    wrong.secret[31] ^= 1;
    begin(&e, &wrong); /* a worker that does not know the secret */
    EXPECT_EQ(answer(&e, &id), BIT_EAUTH);
    begin(&e, &id); /* a daemon that does not: whatever it accepts, its answer is refused */
    struct bit_handshake honest = e.worker;
    bit_handshake_begin(&e.worker, &wrong);
    memcpy(e.hello, e.worker.hello, sizeof e.hello);
    EXPECT_EQ(answer(&e, &wrong), 0);
    EXPECT_EQ(bit_handshake_finish(&honest, e.answer, &e.up, e.header, &e.down_in), BIT_EAUTH);
}

TEST(the_same_secret_in_another_epoch_or_run_is_another)
{
    const struct bit_launch_id id = launch(7), later = launch(8);
    struct bit_launch_id other = id;
    struct ends e;

    begin(&e, &id);
    EXPECT_EQ(answer(&e, &later), BIT_EAUTH);
    e.hello[8] = 8; /* claiming the later epoch does not help */
    EXPECT_EQ(answer(&e, &later), BIT_EAUTH);
    snprintf(other.run, sizeof other.run, "r13");
    begin(&e, &id);
    EXPECT_EQ(answer(&e, &other), BIT_EAUTH);
    memcpy(e.hello + 16, "r13", 4);
    EXPECT_EQ(answer(&e, &other), BIT_EAUTH);
}

/* Replays a recorded link: the hello is answered, but the records after it do not open. */
TEST(a_replayed_link_gets_nowhere)
{
    struct ends then, now = {0};
    uint8_t record[64];
    char text[64];
    const struct bit_launch_id id = launch(7);

    if (!join(&then))
        return;
    size_t bytes = bit_sealer_seal(&then.up, "hello", 5, record);
    memcpy(now.hello, then.hello, sizeof now.hello);
    EXPECT_EQ(answer(&now, &id), 0);
    EXPECT_EQ(bit_opener_init(&now.up_in, now.in_key, then.header, BIT_SEAL_PLAIN_MAX), 0);
    EXPECT_EQ(open_one(&now.up_in, record, bytes, text), -EBADMSG);
    struct bit_handshake worker; /* and the old answer does not fit a new hello */
    bit_handshake_begin(&worker, &id);
    EXPECT_EQ(bit_handshake_finish(&worker, then.answer, &now.up, now.header, &now.down_in), BIT_EAUTH);
    bit_opener_finish(&now.up_in);
    part(&then);
}

TEST(what_is_sent_back_is_not_believed)
{
    struct ends e;
    uint8_t record[64];
    char text[64];
    struct bit_handshake worker;
    const struct bit_launch_id id = launch(7);

    bit_handshake_begin(&worker, &id);
    memcpy(record, worker.hello, sizeof record); /* a hello is not an answer */
    uint8_t mirrored[BIT_HANDSHAKE_ANSWER_BYTES];
    memcpy(mirrored, worker.hello, sizeof mirrored);
    EXPECT_EQ(bit_handshake_finish(&worker, mirrored, &e.up, e.header, &e.down_in), BIT_EAUTH);
    if (!join(&e))
        return;
    size_t bytes = bit_sealer_seal(&e.up, "a report", 8, record);
    EXPECT_EQ(open_one(&e.down_in, record, bytes, text), -EBADMSG);
    part(&e);
}

/* Keys for which every exchange gives the same shared secret. */
TEST(a_key_of_small_order_is_refused)
{
    const struct bit_launch_id id = launch(7);
    struct ends e;
    uint8_t epoch[8] = {7}, key[32];

    crypto_generichash_state h;
    begin(&e, &id);
    memset(e.hello + 48, 0, 32); /* with a correct tag, as from a peer that has the secret */
    crypto_generichash_init(&h, id.secret, 32, 32);
    crypto_generichash_update(&h, (const uint8_t *)"launch\0", 8);
    crypto_generichash_update(&h, epoch, sizeof epoch);
    crypto_generichash_update(&h, (const uint8_t *)id.run, sizeof id.run);
    crypto_generichash_final(&h, key, sizeof key);
    crypto_generichash_init(&h, key, 32, 32);
    crypto_generichash_update(&h, (const uint8_t *)"hello\0\0", 8);
    crypto_generichash_update(&h, e.hello, 80);
    crypto_generichash_final(&h, e.hello + 80, 32);
    EXPECT_EQ(answer(&e, &id), BIT_EAUTH);
    EXPECT_CONTAINS(bit_fail_text(), "small order");
}

TEST(what_is_no_hello_is_not_looked_at)
{
    uint8_t bytes[BIT_HANDSHAKE_HELLO_BYTES];
    char run[BIT_RUN_ID_MAX];
    uint64_t epoch;

    memset(bytes, 'x', sizeof bytes);
    EXPECT_EQ(bit_handshake_peek(bytes, run, &epoch), BIT_EAUTH);
    memcpy(bytes, "bitlink1", 8); /* a run id without NUL */
    EXPECT_EQ(bit_handshake_peek(bytes, run, &epoch), BIT_EAUTH);
}

TEST_MAIN
