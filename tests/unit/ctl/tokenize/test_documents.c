#include "ctl/tokenize/documents.h"

#include <jansson.h>

#include "ctl/tokenize/line_blocks.h"
#include "proto/err.h"
#include "tests/test.h"

static struct bit_document_scratch scratch;

static int parse(const char *line, struct bit_document *d, size_t *at)
{
    return bit_document_parse((const uint8_t *)line, strlen(line), &scratch, d, at);
}

static void expect_text(const char *line, const char *text, const char *id)
{
    struct bit_document d = {0};
    size_t at;

    if (!EXPECT_EQ(parse(line, &d, &at), BIT_DOCUMENT_GOOD)) {
        fprintf(stderr, "    %s\n", line);
        return;
    }
    if (EXPECT_EQ(d.text_bytes, strlen(text)))
        EXPECT_MEMEQ(d.text, text, d.text_bytes);
    if (EXPECT_EQ(d.id_bytes, strlen(id)) && d.id_bytes > 0)
        EXPECT_MEMEQ(d.id, id, d.id_bytes);
}

static void expect_fault(const char *line, int fault, size_t column)
{
    struct bit_document d = {0};
    size_t at;

    if (!EXPECT_EQ(parse(line, &d, &at), fault) || !EXPECT_EQ(at, column))
        fprintf(stderr, "    %s\n", line);
    EXPECT(d.text == NULL);
}

TEST(plain_documents)
{
    expect_text("{\"text\": \"abc\", \"id\": \"x/1\"}", "abc", "x/1");
    expect_text(" {\"id\":17,\"text\":\"abc\"} \r", "abc", "17");
    expect_text("{\"text\":\"\"}", "", "");
    expect_text("{\"a\":[1,{\"text\":\"no\"},null,true,false,-0.5e+3],\"text\":\"yes\",\"b\":{\"id\":2}}", "yes", "");
    expect_text("{\"text\":\"one\",\"text\":\"two\"}", "two", "");
    expect_text("{\"te\\u0078t\":\"escaped key\"}", "escaped key", "");
    expect_text("{\"text\":\"x\",\"id\":null,\"n\":123456789012345678901234567890,\"m\":1e400}", "x", "");
}

TEST(escapes)
{
    expect_text("{\"text\":\"a\\n\\t\\r\\b\\f\\\"\\\\\\/b\",\"id\":\"\\u00e9\"}", "a\n\t\r\b\f\"\\/b", "\u00e9");
    expect_text("{\"text\":\"\\u20ac\\ud83d\\ude00\\uD83D\\uDE00.\"}", "\u20ac\U0001f600\U0001f600.", "");
    expect_text("{\"text\":\"caf\u00e9 \u6625\"}", "caf\u00e9 \u6625", "");

    struct bit_document d;
    size_t at;
    EXPECT_EQ(parse("{\"text\":\"a\\u0000b\"}", &d, &at), BIT_DOCUMENT_GOOD);
    if (EXPECT_EQ(d.text_bytes, 3))
        EXPECT_MEMEQ(d.text, "a\0b", 3);
}

TEST(faults_have_a_place)
{
    expect_fault("", BIT_DOCUMENT_BLANK, 0);
    expect_fault(" \t\r", BIT_DOCUMENT_BLANK, 3);
    expect_fault("{\"text\":\"abc\"", BIT_DOCUMENT_JSON, 13);
    expect_fault("{\"text\":\"abc\"} x", BIT_DOCUMENT_JSON, 15);
    expect_fault("[\"text\"]", BIT_DOCUMENT_JSON, 0);
    expect_fault("{\"text\":\"a\tb\"}", BIT_DOCUMENT_JSON, 10);
    expect_fault("{\"text\":\"\\ud800\"}", BIT_DOCUMENT_JSON, 10);
    expect_fault("{\"text\":\"\\ude00\"}", BIT_DOCUMENT_JSON, 10);
    expect_fault("{\"text\":\"\\x\"}", BIT_DOCUMENT_JSON, 10);
    expect_fault("{\"text\":01}", BIT_DOCUMENT_JSON, 9);
    expect_fault("{\"text\":\"a\",}", BIT_DOCUMENT_JSON, 12);
    expect_fault("{'text':'a'}", BIT_DOCUMENT_JSON, 1);
    expect_fault("{\"text\":NaN}", BIT_DOCUMENT_JSON, 8);
    expect_fault("{\"id\":\"x\"}", BIT_DOCUMENT_TEXT, 10);
    expect_fault("{\"text\":null}", BIT_DOCUMENT_TEXT, 13);
    expect_fault("{\"text\":[\"a\"]}", BIT_DOCUMENT_TEXT, 14);
    expect_fault("{\"text\":\"ab\xff\"}", BIT_DOCUMENT_UTF8, 11);
    expect_fault("{\"text\":\"ab\xed\xa0\x80\"}", BIT_DOCUMENT_UTF8, 11);
    expect_fault("{\"text\":\"\xc0\x80\"}", BIT_DOCUMENT_UTF8, 9);
}

TEST(depth_is_bounded)
{
    char line[4 * BIT_DOCUMENT_DEPTH_MAX];
    struct bit_document d;
    size_t at;

    for (int depth = BIT_DOCUMENT_DEPTH_MAX - 2; depth <= BIT_DOCUMENT_DEPTH_MAX; depth++) {
        size_t n = (size_t)snprintf(line, sizeof line, "{\"text\":\"a\",\"x\":");
        memset(line + n, '[', (size_t)depth);
        memset(line + n + depth, ']', (size_t)depth);
        snprintf(line + n + 2 * depth, 8, "}");
        EXPECT_EQ(parse(line, &d, &at), depth < BIT_DOCUMENT_DEPTH_MAX ? BIT_DOCUMENT_GOOD : BIT_DOCUMENT_JSON);
    }
}

TEST(a_line_too_long)
{
    struct bit_document d;
    size_t at, bytes = BIT_LINE_BYTES_MAX + 1;
    uint8_t *line = calloc(bytes, 1);

    if (EXPECT(line != NULL))
        EXPECT_EQ(bit_document_parse(line, bytes, &scratch, &d, &at), BIT_DOCUMENT_LONG);
    free(line);
}

TEST(strips_as_python_does)
{
    struct bit_document d = {.text = (const uint8_t *)"\x1c\u00a0 \n\u2028"
                                                      "a b\xc2\x85\u3000\t",
                             .text_bytes = 17};

    bit_document_strip(&d);
    EXPECT_EQ(d.text_bytes, 3);
    EXPECT_MEMEQ(d.text, "a b", 3);
    d = (struct bit_document){.text = (const uint8_t *)" \u3000", .text_bytes = 4};
    bit_document_strip(&d);
    EXPECT_EQ(d.text_bytes, 0);
    d = (struct bit_document){.text = (const uint8_t *)"\u200b\u180e", .text_bytes = 6}; /* these are not white space */
    bit_document_strip(&d);
    EXPECT_EQ(d.text_bytes, 6);
}

/* ---- compared with jansson: both accept a mutated line, with the same text, or neither does */

/* False if jansson refuses a number because it overflows a double: the line is valid JSON, but not compared. */
static bool jansson_text(const char *line, size_t bytes, const char **text, size_t *length, json_t **root)
{
    json_error_t error = {.text = ""};

    *root = json_loadb(line, bytes, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (strstr(error.text, "overflow") != NULL)
        return false;
    const json_t *value = json_object_get(*root, "text");
    *text = json_string_value(value);
    *length = json_string_length(value);
    return true;
}

static void compare_with_jansson(const char *line, size_t bytes)
{
    struct bit_document d;
    const char *text = NULL;
    size_t at, length = 0;
    json_t *root;
    int fault = bit_document_parse((const uint8_t *)line, bytes, &scratch, &d, &at);
    bool known = jansson_text(line, bytes, &text, &length, &root);
    int want = !json_is_object(root) ? BIT_DOCUMENT_JSON : text == NULL ? BIT_DOCUMENT_TEXT : BIT_DOCUMENT_GOOD;

    if (fault == BIT_DOCUMENT_UTF8 || fault == BIT_DOCUMENT_BLANK)
        fault = BIT_DOCUMENT_JSON;
    if (!known)
        return;
    if (!EXPECT_EQ(fault, want))
        fprintf(stderr, "    %.*s\n", (int)bytes, line);
    else if (fault == BIT_DOCUMENT_GOOD && EXPECT_EQ(d.text_bytes, length))
        EXPECT_MEMEQ(d.text, text, length);
    json_decref(root);
}

TEST(equals_jansson)
{
    static const char *const good[] = {
        "{\"text\": \"abc\\u00e9\\ud83d\\ude00\\n\", \"id\": \"x\", \"n\": [1, -2.5e3, true, null, {\"a\": {}}]}",
        "{\"id\":1,\"metadata\":{\"a\":[[],[[]]],\"b\":\"\\\"\"},\"text\":\"caf\u00e9 \u6625 \U0001f600\"}",
    };
    static const char alphabet[] = "{}[]\",:\\u0123eE+-.ntf \x80\xc3\xed\xa0\xf0\xff\x01";
    char line[256];

    srand(11);
    for (int time = 0; time < 200000; time++) {
        const char *base = good[time & 1];
        size_t bytes = strlen(base);
        memcpy(line, base, bytes);
        for (int edits = 1 + rand() % 3; edits > 0; edits--) {
            size_t at = (size_t)rand() % bytes;
            switch (rand() % 3) {
            case 0:
                line[at] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
                break;
            case 1:
                memmove(line + at, line + at + 1, --bytes - at);
                break;
            default:
                memmove(line + at + 1, line + at, bytes++ - at);
                line[at] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
            }
        }
        compare_with_jansson(line, bytes);
        if (test_state.failures > 5)
            return;
    }
}

TEST(release_scratch)
{
    bit_document_scratch_finish(&scratch);
    EXPECT(scratch.text == NULL);
}

TEST_MAIN
