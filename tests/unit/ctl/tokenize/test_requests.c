/* Request files made from JSON lines of requests; every mistake is reported with file and line. */
#include "ctl/tokenize/requests.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/tokenize/request_lines.h"
#include "ctl/tokenize/whole_file.h"
#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "tests/test.h"

#define LINE(document, choice, context, continuation, label)                                                           \
    "{\"task\": \"rain\", \"document\": " #document ", \"choice\": " #choice ", \"context\": \"" context               \
    "\", \"continuation\": \"" continuation "\", \"label\": " #label ", \"metric\": \"acc\"}\n"
#define GOOD LINE(0, 0, "It rained because", " clouds came.", 0) LINE(0, 1, "It rained because", " of me.", 0)

static const char *write_text(const char *name, const char *text, size_t bytes)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");

    BIT_ASSERT(f != NULL && fwrite(text, 1, bytes, f) == bytes && fclose(f) == 0);
    return path;
}

/* ---- lines */

static void refused(const char *text, const char *words)
{
    struct bit_request_lines lines;
    int err = bit_request_lines_read(write_text("t.jsonl", text, strlen(text)), &lines);

    EXPECT_EQ(err, BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), words);
    EXPECT_CONTAINS(bit_fail_text(), "t.jsonl");
    if (err == 0)
        bit_request_lines_finish(&lines);
}

TEST(lines_are_put_in_order)
{
    static const char text[] = "\n" LINE(7, 1, "b", " d", 1) LINE(3, 0, "a", " x", 1) "  \r\n" LINE(7, 0, "b", " c", 1)
        LINE(3, 1, "a", " \\u00e4\\u0000y", 1);
    struct bit_request_lines lines;
    uint32_t characters, bytes;

    if (!EXPECT_EQ(bit_request_lines_read(write_text("order.jsonl", text, sizeof text - 1), &lines), 0))
        return;
    EXPECT_STREQ(lines.task, "rain");
    EXPECT_EQ(lines.metric, BIT_METRIC_ACC);
    EXPECT_EQ(lines.count, 4);
    EXPECT_EQ(lines.line[0].document, 3);
    EXPECT_EQ(lines.line[1].line, 6);
    EXPECT_EQ(lines.line[1].continuation_bytes, 5);
    bit_request_line_measure(&lines.line[1], &characters, &bytes);
    EXPECT_EQ(characters, 3);
    EXPECT_EQ(bytes, 4);
    EXPECT_EQ(lines.line[2].line, 5);
    EXPECT_STREQ(lines.line[3].continuation, " d");
    bit_request_lines_finish(&lines);
}

TEST(a_continuation_without_a_space_is_measured_whole)
{
    uint32_t characters, bytes;

    bit_request_line_measure(&(struct bit_request_line){.continuation = bit_lend("ab"), .continuation_bytes = 2},
                             &characters, &bytes);
    EXPECT_EQ(characters, 2);
    EXPECT_EQ(bytes, 2);
}

TEST(what_is_no_request_is_named_by_its_line)
{
    refused(GOOD "{\"task\": ", "t.jsonl:3: broken JSON");
    refused("[1]\n", "t.jsonl:1: no JSON object");
    refused("{\"text\": \"a document\"}\n", "t.jsonl:1: no \"task\"");
    refused("{\"task\": 7}\n", "\"task\" is no text");
    refused("{\"task\": \"a/b\"}\n", "task 'a/b'");
    refused("{\"task\": \"a\\u0000b\"}\n", "task 'a'");
    refused("{\"task\": \"a\"}\n", "no \"metric\"");
    refused("{\"task\": \"a\", \"metric\": \"bleu\"}\n", "metric 'bleu' is none of acc, len_norm, f1");
    refused("{\"task\": \"a\", \"metric\": \"acc\"}\n", "no \"document\"");
    refused(LINE(-1, 0, "a", " b", 0), "\"document\" is no whole number");
    refused(LINE(1.5, 0, "a", " b", 0), "\"document\" is no whole number");
    refused(LINE(0, "0", "a", " b", 0), "\"choice\" is no whole number");
    refused(LINE(0, 0, "a", " b", true), "\"label\" is no whole number");
    refused(LINE(0, 0, "a", " b", 4294967296), "\"label\" is no whole number");
    refused(LINE(0, 0, "", " b", 0), "\"context\" is empty");
    refused(GOOD LINE(1, 0, "a", "", 0), "t.jsonl:3: \"continuation\" is empty");
    refused(LINE(0, 0, "a", " ", 0), "\"continuation\" is a space");
    refused(LINE(0, 0, "a", "\xff", 0), "t.jsonl:1: invalid UTF-8 at byte 79");
    refused("{\"task\": \"a\", \"task\": \"b\"}\n", "broken JSON");
}

TEST(what_does_not_fit_together_is_named)
{
    refused("", "has no requests: a task without items");
    refused("\n \n", "a task without items");
    refused(LINE(0, 0, "a", " b", 2) LINE(0, 1, "a", " c", 2), "t.jsonl:1: label 2 of document 0 is none of its 2");
    refused(LINE(0, 0, "a", " b", 0) LINE(0, 1, "a", " c", 1), "t.jsonl:2: document 0 has label 1; line 1 says 0");
    refused(LINE(0, 0, "a", " b", 0) LINE(0, 2, "a", " c", 0), "t.jsonl:2: document 0 has choice 2 and no choice 1");
    refused(LINE(0, 1, "a", " b", 0) LINE(0, 2, "a", " c", 0), "t.jsonl:1: document 0 has choice 1 and no choice 0");
    refused(GOOD LINE(0, 1, "a", " c", 0), "t.jsonl:3: choice 1 of document 0 again; line 2 has it");
    refused(GOOD LINE(5, 0, "a", " c", 0), "t.jsonl:3: document 5 has one choice");
    refused(GOOD "{\"task\": \"snow\"}\n", "t.jsonl:3: task 'snow' among requests of 'rain'");
    refused(GOOD "{\"task\": \"rain\", \"metric\": \"f1\"}\n", "t.jsonl:3: metric 'f1' among requests of 'acc'");
}

TEST(f1_is_of_two_choices)
{
    static const char three[] = "{\"task\":\"t\",\"metric\":\"f1\",\"document\":0,\"choice\":0,\"label\":0,"
                                "\"context\":\"a\",\"continuation\":\" b\"}\n"
                                "{\"task\":\"t\",\"metric\":\"f1\",\"document\":0,\"choice\":1,\"label\":0,"
                                "\"context\":\"a\",\"continuation\":\" c\"}\n"
                                "{\"task\":\"t\",\"metric\":\"f1\",\"document\":0,\"choice\":2,\"label\":0,"
                                "\"context\":\"a\",\"continuation\":\" d\"}\n";

    refused(three, "t.jsonl:1: document 0 has 3 choices; metric f1 is of two");
}

/* ---- files */

static struct bit_tokenizer *load(void)
{
    const char *root = getenv("BIT_SOURCE_ROOT");
    struct bit_tokenizer *tokenizer = NULL;
    char path[512];

    if (root == NULL)
        SKIP_ALL("$BIT_SOURCE_ROOT is set by meson test");
    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root);
    BIT_ASSERT(bit_tokenizer_load(path, &tokenizer) == 0);
    return tokenizer;
}

static int make(const char *text, const char *folder, uint32_t context, bool force, struct bit_requests_summary *sum)
{
    struct bit_tokenizer *tokenizer = load();
    struct bit_requests_taken taken = {0};
    const struct bit_requests_options options = {tokenizer, folder, context, force};
    int err = bit_requests_make(write_text("in.jsonl", text, strlen(text)), &options, &taken, sum);

    bit_requests_taken_finish(&taken);
    bit_tokenizer_destroy(tokenizer);
    return err;
}

static bool equals(struct bit_encoder *encoder, const struct bit_request_file *f, uint64_t at, uint32_t count,
                   const char *text)
{
    struct bit_ids ids = {0};
    bool same = bit_encoder_encode(encoder, (const uint8_t *)text, strlen(text), &ids) == 0 && ids.count == count;

    for (uint32_t i = 0; same && i < count; i++)
        same = bit_token_id(f->ids, at + i, f->token_bytes) == ids.id[i];
    bit_ids_finish(&ids);
    return same;
}

TEST(a_task_becomes_a_file)
{
    struct bit_tokenizer *tokenizer = load();
    struct bit_encoder *encoder = NULL;
    struct bit_requests_summary sum;
    struct bit_request_file f;
    const char *folder = test_path("tasks/here");
    char path[512];

    EXPECT_EQ(make(GOOD LINE(9, 0, "No", " way", 1) LINE(9, 1, "Yes", " way", 1), folder, 0, false, &sum), 0);
    EXPECT_STREQ(sum.task, "rain");
    EXPECT_EQ(sum.items, 4);
    EXPECT_EQ(sum.documents, 2);
    EXPECT(!sum.unchanged);
    snprintf(path, sizeof path, "%s/rain.requests", folder);
    if (!EXPECT_EQ(bit_request_file_open(path, NULL, &f), 0))
        return;
    EXPECT_STREQ(f.sha256, tokenizer->digest);
    EXPECT_EQ(f.vocab, tokenizer->bpe.token_count);
    EXPECT_EQ(f.token_bytes, 2);
    EXPECT_EQ(f.item[1].same_context, true);
    EXPECT_EQ(f.item[3].same_context, false);
    EXPECT_EQ(f.item[0].characters, 12);
    EXPECT_EQ(bit_encoder_create(tokenizer, &encoder), 0);
    EXPECT(equals(encoder, &f, f.item[1].context_at, f.item[1].context_tokens, "It rained because"));
    EXPECT(equals(encoder, &f, f.item[1].continuation_at, f.item[1].continuation_tokens, " of me."));
    EXPECT(equals(encoder, &f, f.item[3].context_at, f.item[3].context_tokens, "Yes"));
    bit_encoder_destroy(encoder);
    bit_request_file_finish(&f);
    bit_tokenizer_destroy(tokenizer);
}

TEST(a_file_that_is_there_is_kept_or_named)
{
    struct bit_requests_summary sum;
    const char *folder = test_path("kept");
    char path[512];
    struct stat before, after;

    snprintf(path, sizeof path, "%s/rain.requests", folder);
    EXPECT_EQ(make(GOOD, folder, 0, false, &sum), 0);
    EXPECT_EQ(stat(path, &before), 0);
    EXPECT_EQ(make(GOOD, folder, 0, false, &sum), 0);
    EXPECT(sum.unchanged);
    EXPECT_EQ(make(LINE(0, 0, "a", " b", 0) LINE(0, 1, "a", " c", 0), folder, 0, false, &sum), -EEXIST);
    EXPECT_EQ(stat(path, &after), 0);
    EXPECT(before.st_ino == after.st_ino && before.st_size == after.st_size);
    EXPECT_EQ(make(LINE(0, 0, "a", " b", 0) LINE(0, 1, "a", " c", 0), folder, 0, true, &sum), 0);
    EXPECT_EQ(stat(path, &after), 0);
    EXPECT(before.st_ino != after.st_ino);
}

TEST(what_does_not_fit_a_context_is_named_and_not_written)
{
    struct bit_requests_summary sum;
    const char *folder = test_path("short");

    EXPECT_EQ(make(GOOD, folder, 2, false, &sum), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "task 'rain', document 0, choice 0");
    EXPECT(access(folder, F_OK) < 0);
    EXPECT_EQ(make(GOOD, folder, 10, false, &sum), 0);
    EXPECT(sum.extent.cut > 0);
}

TEST(two_files_of_one_task_are_named)
{
    struct bit_tokenizer *tokenizer = load();
    struct bit_requests_taken taken = {0};
    const struct bit_requests_options options = {tokenizer, test_path("two"), 0, true};
    struct bit_requests_summary sum;

    EXPECT_EQ(bit_requests_make(write_text("one.jsonl", GOOD, strlen(GOOD)), &options, &taken, &sum), 0);
    EXPECT_EQ(bit_requests_make(write_text("other.jsonl", GOOD, strlen(GOOD)), &options, &taken, &sum), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "other.jsonl' is of task 'rain', and so is");
    bit_requests_taken_finish(&taken);
    bit_tokenizer_destroy(tokenizer);
}

TEST(a_full_disk_leaves_nothing)
{
    const char *folder = test_folder_new();
    struct rlimit limit;
    char partial[512], target[512];

    snprintf(partial, sizeof partial, "%s/x.partial", folder);
    snprintf(target, sizeof target, "%s/x", folder);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN); /* so that a write beyond the limit fails instead of ending the program */
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){2, limit.rlim_max}), 0);
    EXPECT_EQ(bit_whole_file_write(folder, "x", (const uint8_t *)"abc", 3, false), -EFBIG);
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT(access(target, F_OK) < 0);
    EXPECT(access(partial, F_OK) < 0);
    EXPECT_EQ(bit_whole_file_write(folder, "x", (const uint8_t *)"abc", 3, false), 0);
    EXPECT_EQ(bit_whole_file_write(folder, "x", (const uint8_t *)"abc", 3, false), 1);
}

TEST(a_link_in_the_place_of_what_is_written_is_not_followed)
{
    const char *folder = test_folder_new();
    char partial[512];

    snprintf(partial, sizeof partial, "%s/x.partial", folder);
    EXPECT_EQ(symlink(test_path("elsewhere"), partial), 0);
    EXPECT_EQ(bit_whole_file_write(folder, "x", (const uint8_t *)"abc", 3, false), -ELOOP);
    EXPECT(access(test_path("elsewhere"), F_OK) < 0);
}

TEST_MAIN
