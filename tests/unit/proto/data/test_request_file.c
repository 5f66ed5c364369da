#include "proto/data/request_file.h"

#include <sys/stat.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/data/request_cut.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "tests/test.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Two documents, the first with one context for both choices, the second with two: 5 + 2 + 1 + 3 + 1 + 2 + 4 ids. */
static struct bit_request_document documents[] = {{.number = 4, .label = 1, .choices = 2},
                                                  {.number = UINT64_C(1) << 40, .label = 0, .choices = 2}};
static struct bit_request_item items[] = {
    {.context_tokens = 5, .continuation_tokens = 2, .characters = 7, .bytes = 9},
    {.context_tokens = 5, .continuation_tokens = 1, .characters = 1, .bytes = 4, .same_context = true},
    {.context_tokens = 3, .continuation_tokens = 1, .characters = 2, .bytes = 2},
    {.context_tokens = 2, .continuation_tokens = 4, .characters = 8, .bytes = 8},
};
static uint16_t ids[] = {10, 11, 12, 13, 14, 20, 21, 22, 30, 31, 32, 40, 50, 51, 60, 61, 62, 99};

static struct bit_request_file sample(void)
{
    return (struct bit_request_file){
        .task = "copa",
        .metric = BIT_METRIC_LEN_NORM,
        .tokenizer = "neox",
        .sha256 = SHA,
        .vocab = 100,
        .token_bytes = 2,
        .document = documents,
        .document_count = 2,
        .item = items,
        .item_count = 4,
        .ids = ids,
        .id_count = BIT_COUNT(ids),
    };
}

struct bytes {
    uint8_t *at;
    size_t count;
};

static struct bytes encode(const struct bit_request_file *f)
{
    struct bytes b = {0};

    EXPECT_EQ(bit_request_file_encode(f, &b.at, &b.count), 0);
    return b;
}

static uint32_t le32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put(struct bytes b, size_t at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        b.at[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

/* Computes the checksums again, as another writer would. */
static void seal(struct bytes b)
{
    size_t tables = 512 + 16 * le32(b.at + 24) + 20 * le32(b.at + 28);

    if (tables <= b.count) {
        put(b, 496, bit_crc32c(0, b.at + 512, tables - 512));
        put(b, 500, bit_crc32c(0, b.at + tables, b.count - tables));
    }
    put(b, 508, bit_crc32c(0, b.at, 508));
}

static int parse(struct bytes b)
{
    struct bit_request_file f = {.vocab = 7};
    int err = bit_request_file_parse(b.at, b.count, "here/copa.requests", &f);

    if (err == 0)
        bit_request_file_finish(&f);
    else
        EXPECT_EQ(f.vocab, 7); /* unchanged after a failure */
    return err;
}

/* With this field changed and correct checksums, the file is refused with these words. */
static void refused(size_t at, uint32_t value, int err, const char *words)
{
    struct bit_request_file f = sample();
    struct bytes b = encode(&f);

    put(b, at, value);
    seal(b);
    EXPECT_EQ(parse(b), err);
    EXPECT_CONTAINS(bit_fail_text(), "here/copa.requests");
    EXPECT_CONTAINS(bit_fail_text(), words);
    free(b.at);
}

TEST(what_is_written_is_read)
{
    struct bit_request_file f = sample(), got;
    struct bytes b = encode(&f), again;

    EXPECT_EQ(b.count, 512 + 2 * 16 + 4 * 20 + 18 * 2);
    EXPECT_EQ(bit_request_file_parse(b.at, b.count, "x", &got), 0);
    EXPECT_STREQ(got.task, "copa");
    EXPECT_STREQ(got.tokenizer, "neox");
    EXPECT_STREQ(got.sha256, SHA);
    EXPECT_EQ(got.metric, BIT_METRIC_LEN_NORM);
    EXPECT_EQ(got.vocab, 100);
    EXPECT_EQ(got.document[1].number, UINT64_C(1) << 40);
    EXPECT_EQ(got.document[1].first_item, 2);
    EXPECT_EQ(got.item[3].document, 1);
    EXPECT_EQ(got.item[3].choice, 1);
    EXPECT_EQ(got.item[1].context_at, 0);
    EXPECT_EQ(got.item[1].continuation_at, 7);
    EXPECT_EQ(got.item[3].context_at, 12);
    EXPECT_EQ(bit_token_id(got.ids, got.item[3].continuation_at + 3, 2), 99);
    again = encode(&got);
    EXPECT(again.count == b.count && memcmp(again.at, b.at, b.count) == 0);
    free(again.at);
    free(b.at);
    bit_request_file_finish(&got);
}

TEST(wide_ids_are_of_four_bytes)
{
    uint32_t wide[18] = {70000};
    struct bit_request_file f = sample(), got;

    f.vocab = 70001;
    f.token_bytes = 4;
    f.ids = wide;
    struct bytes b = encode(&f);
    EXPECT_EQ(bit_request_file_parse(b.at, b.count, "x", &got), 0);
    EXPECT_EQ(bit_token_id(got.ids, 0, got.token_bytes), 70000);
    bit_request_file_finish(&got);
    free(b.at);
}

TEST(every_bit_is_under_a_checksum)
{
    struct bit_request_file f = sample();
    struct bytes b = encode(&f);

    for (size_t at = 0; at < b.count; at++) {
        b.at[at] ^= 0x10;
        int err = parse(b);
        EXPECT(err == BIT_ECORRUPT || (err == BIT_EDATA && at < 8) || (err == BIT_EVERSION && at >= 8 && at < 12));
        b.at[at] ^= 0x10;
    }
    for (size_t count = 0; count < b.count; count++) {
        int err = parse((struct bytes){b.at, count});
        EXPECT_EQ(err, count < 8 ? BIT_EDATA : BIT_ECORRUPT);
    }
    free(b.at);
}

TEST(what_cannot_be_is_refused_though_its_checksum_is_right)
{
    const size_t document = 512, item = 512 + 2 * 16, first_id = item + 4 * 20;

    refused(8, 2, BIT_EVERSION, "version 2");
    refused(12, 4, BIT_ECORRUPT, "metric");
    refused(12, 0, BIT_ECORRUPT, "metric");
    refused(16, 3, BIT_ECORRUPT, "bytes of an id");
    refused(20, 65537, BIT_ECORRUPT, "bytes of an id");
    refused(20, 0, BIT_ECORRUPT, "vocabulary");
    refused(24, 0, BIT_EDATA, "task 'copa' has no items");
    refused(28, 3, BIT_ECORRUPT, "header says");
    refused(28, UINT32_MAX, BIT_ELIMIT, "4294967295 items");
    refused(36, 1, BIT_ELIMIT, "ids");
    refused(40, 0x47474747, BIT_ECORRUPT, "tokenizer");
    refused(104, 0x2f2f2f2f, BIT_ECORRUPT, "name");
    refused(432, 1, BIT_ECORRUPT, "zero");
    refused(504, 1, BIT_ECORRUPT, "zero");
    refused(document + 8, 2, BIT_ECORRUPT, "label 2 of document 4 is none of its 2 choices");
    refused(document + 12, 1, BIT_ECORRUPT, "document 4 has 1 choices");
    refused(document + 12, 3, BIT_ECORRUPT, "its documents have more");
    refused(document + 20, 0, BIT_ECORRUPT, "document 0 after 4");
    refused(item, 0, BIT_ECORRUPT, "task 'copa', document 4, choice 0 has no tokens");
    refused(item + 4, 0, BIT_ECORRUPT, "choice 0 has no tokens");
    refused(item + 8, 0, BIT_ECORRUPT, "impossible length");
    refused(item + 12, 29, BIT_ECORRUPT, "impossible length");
    refused(item + 16, 1, BIT_ECORRUPT, "no item before");
    refused(item + 36, 2, BIT_ECORRUPT, "no item before");
    refused(item + 20, 4, BIT_ECORRUPT, "choice 1 has another length");
    refused(item + 64, 5, BIT_ECORRUPT, "more ids");
    refused(item + 64, 3, BIT_ECORRUPT, "18 ids, and its items have 17");
    refused(item + 60, UINT32_MAX, BIT_ECORRUPT, "more ids");
    refused(first_id, 100, BIT_ECORRUPT, "task 'copa', document 4, choice 0 has token id 100");
    refused(first_id + 14, 101, BIT_ECORRUPT, "document 4, choice 1 has token id 101");
    refused(first_id + 24, 102, BIT_ECORRUPT, "choice 1 has token id 102");
}

TEST(f1_is_of_two_choices)
{
    struct bit_request_file f = sample();

    f.metric = BIT_METRIC_F1;
    struct bytes b = encode(&f);
    EXPECT_EQ(parse(b), 0);
    put(b, 512 + 12, 3); /* documents of three choices and one */
    put(b, 512 + 28, 1);
    seal(b);
    EXPECT_EQ(parse(b), BIT_ECORRUPT);
    free(b.at);
}

TEST(a_file_is_opened_and_another_is_named)
{
    struct bit_request_file f = sample(), got;
    struct bytes b = encode(&f);
    const char *path = test_path("copa.requests"), *text = test_path("text");
    struct stat st;

    test_write(path, b.at, b.count);
    EXPECT_EQ(stat(path, &st), 0);
    const struct bit_file_id own = {st.st_dev, st.st_ino}, other = {st.st_dev, st.st_ino + 1};
    EXPECT_EQ(bit_request_file_open(path, &own, &got), 0);
    EXPECT_EQ(got.item_count, 4);
    bit_request_file_finish(&got);
    EXPECT_EQ(bit_request_file_open(path, &other, &got), BIT_EAUTH);
    EXPECT_EQ(bit_request_file_open(test_path("none"), NULL, &got), -ENOENT);
    EXPECT_EQ(bit_request_file_open(test_folder(), NULL, &got), BIT_EDATA);
    test_write_text(text, "{\"task\": \"copa\"}\n");
    EXPECT_EQ(bit_request_file_open(text, NULL, &got), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "bitctl tokenize --requests");
    free(b.at);
}

TEST(a_file_of_another_tokenizer_is_named)
{
    struct bit_request_file f = sample();

    EXPECT_EQ(bit_request_file_check(&f, "p", 100, NULL), 0);
    EXPECT_EQ(bit_request_file_check(&f, "p", 128, ""), 0);
    EXPECT_EQ(bit_request_file_check(&f, "p", 128, "neox"), 0);
    EXPECT_EQ(bit_request_file_check(&f, "p", 128, SHA), 0);
    EXPECT_EQ(bit_request_file_check(&f, "p", 128, "gpt2"), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "neox");
    EXPECT_CONTAINS(bit_fail_text(), "gpt2");
    EXPECT_EQ(bit_request_file_check(&f, "p", 99, "neox"), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "99");
}

TEST(names_and_metrics)
{
    EXPECT(bit_task_name_valid("arc_easy") && bit_task_name_valid("v1.5-B"));
    EXPECT(!bit_task_name_valid("") && !bit_task_name_valid("a/b") && !bit_task_name_valid("..") &&
           !bit_task_name_valid("a b"));
    EXPECT(!bit_task_name_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    EXPECT_EQ(bit_task_metric_find("f1"), BIT_METRIC_F1);
    EXPECT_EQ(bit_task_metric_find("F1"), 0);
    EXPECT_EQ(bit_task_metric_find(""), 0);
    EXPECT_STREQ(bit_task_metric_name(BIT_METRIC_ACC), "acc");
}

/* ---- request_cut.c */

static struct bit_request_file read_sample(void)
{
    struct bit_request_file f = sample(), got = {0};
    struct bytes b = encode(&f);

    EXPECT_EQ(bit_request_file_parse(b.at, b.count, "x", &got), 0);
    free(b.at);
    return got;
}

TEST(a_query_is_all_but_the_last_token)
{
    struct bit_request_file f = read_sample();
    struct bit_request_cut cut;
    uint32_t got[8];

    EXPECT_EQ(bit_request_cut(&f, 0, 2048, &cut), 0);
    EXPECT_EQ(cut.context_from, 0);
    EXPECT_EQ(cut.query_tokens, 6);
    EXPECT_EQ(cut.first_row, 4); /* the row of 14 predicts 20 */
    EXPECT_EQ(cut.rows, 2);
    bit_request_cut_ids(&f, 0, &cut, got);
    const uint32_t whole[] = {10, 11, 12, 13, 14, 20, 21};
    EXPECT_MEMEQ(got, whole, sizeof whole);
    bit_request_file_finish(&f);
}

TEST(it_is_cut_from_the_left)
{
    struct bit_request_file f = read_sample();
    struct bit_request_cut cut;
    uint32_t got[8];

    EXPECT_EQ(bit_request_cut(&f, 0, 6, &cut), 0); /* fits */
    EXPECT_EQ(cut.context_from, 0);
    EXPECT_EQ(bit_request_cut(&f, 0, 3, &cut), 0);
    EXPECT_EQ(cut.context_from, 3);
    EXPECT_EQ(cut.query_tokens, 3);
    EXPECT_EQ(cut.first_row, 1);
    bit_request_cut_ids(&f, 0, &cut, got);
    const uint32_t left[] = {13, 14, 20, 21};
    EXPECT_MEMEQ(got, left, sizeof left);
    EXPECT_EQ(bit_request_cut(&f, 3, 4, &cut), 0); /* one token of context */
    EXPECT_EQ(cut.context_tokens, 1);
    EXPECT_EQ(cut.first_row, 0);
    EXPECT_EQ(bit_request_cut(&f, 3, 3, &cut), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "document 1099511627776, choice 1");
    bit_request_file_finish(&f);
}

TEST(a_context_length_is_held_against_all_items)
{
    struct bit_request_file f = read_sample();
    struct bit_request_extent e;

    EXPECT_EQ(bit_request_extent(&f, "here", 5, &e), 0);
    EXPECT_EQ(e.longest, 6);
    EXPECT_EQ(e.cut, 1);
    EXPECT_EQ(e.rows, 8);
    EXPECT_EQ(e.most_rows, 4);
    EXPECT_EQ(e.queries, 5 + 5 + 3 + 5);
    EXPECT_EQ(bit_request_extent(&f, "here", 3, &e), BIT_EDATA);
    EXPECT(strncmp(bit_fail_text(), "here", 4) == 0);
    bit_request_file_finish(&f);
}

TEST_MAIN
