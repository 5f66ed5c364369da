/* Requests from files: JSON lines and a task's request file give the same requests, and a bad line is named. */
#include <string.h>

#include "proto/check.h"
#include "proto/data/request_file.h"
#include "proto/err.h"
#include "tests/folder.h"
#include "tests/test.h"
#include "worker/score_input.h"

static const struct bit_worker_plan plan = {.context = 6, .vocab = 100};

static const char *write_file(const char *name, const void *bytes, size_t count)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    test_write(path, bytes, count);
    return path;
}

static const char *write_lines(const char *text)
{
    return write_file("requests.jsonl", text, strlen(text));
}

/* One document: a context of 5 tokens and two choices. The longer request is cut to 3 tokens of context and 4 of
 * continuation. */
static const char *write_items(void)
{
    static struct bit_request_document document[] = {{.number = 0, .label = 1, .choices = 2}};
    static struct bit_request_item item[] = {
        {.context_tokens = 5, .continuation_tokens = 1, .characters = 1, .bytes = 1},
        {.context_tokens = 5, .continuation_tokens = 4, .characters = 4, .bytes = 4, .same_context = true}};
    static uint16_t ids[] = {10, 11, 12, 13, 14, 20, 30, 31, 32, 99};
    const struct bit_request_file file = {
        .task = "two",
        .metric = BIT_METRIC_ACC,
        .tokenizer = "neox",
        .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .vocab = 100,
        .token_bytes = 2,
        .document = document,
        .document_count = 1,
        .item = item,
        .item_count = 2,
        .ids = ids,
        .id_count = BIT_COUNT(ids),
    };
    uint8_t *bytes = NULL;
    size_t count = 0;

    EXPECT_EQ(bit_request_file_encode(&file, &bytes, &count), 0);
    const char *path = write_file("two.requests", bytes, count);
    free(bytes);
    return path;
}

static void expect_two(struct bit_score_lines *lines, int64_t from)
{
    static const uint32_t first[] = {10, 11, 12, 13, 14, 20}, second[] = {12, 13, 14, 30, 31, 32, 99};

    EXPECT_EQ(lines->tokens[from], 6);
    EXPECT_EQ(lines->continuation[from], 1);
    EXPECT_EQ(lines->tokens[from + 1], 7);
    EXPECT_EQ(lines->continuation[from + 1], 4);
    EXPECT_MEMEQ(lines->ids + from / 2 * 13, first, sizeof first);
    EXPECT_MEMEQ(lines->ids + from / 2 * 13 + 6, second, sizeof second);
}

TEST(lines_and_items_say_the_same_and_are_cut_from_the_left)
{
    struct bit_score_lines lines = {0};

    EXPECT_EQ(
        bit_score_file_read(&lines,
                            write_lines("{\"context\": [10, 11, 12, 13, 14], \"continuation\": [20]}\n"
                                        "\n"
                                        "{\"continuation\": [30, 31, 32, 99], \"context\": [10, 11, 12, 13, 14]}"),
                            &plan),
        0);
    EXPECT_EQ(bit_score_file_read(&lines, write_items(), &plan), 0);
    if (EXPECT_EQ(lines.count, 4) && EXPECT_EQ(lines.ids_count, 26)) {
        expect_two(&lines, 0);
        expect_two(&lines, 2);
    }
    bit_score_lines_finish(&lines);
}

TEST(a_bad_line_is_named)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"{\"context\": [1], \"continuation\": [2]}\n[]\n", "line 2: an object with lists"},
        {"x", "line 1: "},
        {"{\"context\": 1, \"continuation\": [2]}", "line 1: an object with lists"},
        {"{\"context\": [], \"continuation\": [2]}", "line 1: 'context' and 'continuation' have a token each"},
        {"{\"context\": [1], \"continuation\": []}", "line 1: 'context' and 'continuation' have a token each"},
        {"{\"context\": [1], \"continuation\": [2, 100]}", "line 1: number 2 of a list is no id"},
        {"{\"context\": [1, -1], \"continuation\": [2]}", "line 1: number 2 of a list is no id"},
        {"{\"context\": [1.5], \"continuation\": [2]}", "line 1: number 1 of a list is no id"},
        {"{\"context\": [1], \"continuation\": [2, 3, 4, 5, 6, 7, 8]}", "line 1: a continuation of 7 tokens leaves no"},
        {"\n \n", "has no requests"},
    };

    for (size_t i = 0; i < BIT_COUNT(wrong); i++) {
        struct bit_score_lines lines = {0};

        EXPECT_EQ(bit_score_file_read(&lines, write_lines(wrong[i].text), &plan), BIT_EDATA);
        EXPECT_CONTAINS(bit_fail_text(), wrong[i].says);
        EXPECT_CONTAINS(bit_fail_text(), "requests.jsonl'");
        bit_score_lines_finish(&lines);
    }
}

TEST(a_request_file_of_another_vocabulary_is_refused)
{
    const struct bit_worker_plan smaller = {.context = 6, .vocab = 50};
    struct bit_score_lines lines = {0};

    EXPECT_EQ(bit_score_file_read(&lines, write_items(), &smaller), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "two.requests");
    EXPECT_EQ(bit_score_file_read(&lines, "/nowhere/at.all", &smaller), -ENOENT);
    bit_score_lines_finish(&lines);
}

TEST_MAIN
