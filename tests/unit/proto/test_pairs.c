#include "proto/pairs.h"

#include <inttypes.h>

#include "proto/escape.h"
#include "proto/utf8.h"
#include "tests/message.h"
#include "tests/test.h"

static char text[512];

__attribute__((format(printf, 1, 2))) static const char *pairs(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t bytes = bit_pairs_format(text, sizeof text, fmt, args);
    va_end(args);
    EXPECT_EQ(bytes, strlen(text));
    return text;
}

TEST(plain_values_stand_as_they_are)
{
    EXPECT_STREQ(pairs("run=%s rank=%d pid=%u", "r7", -1, 4242u), "run=r7 rank=-1 pid=4242");
    EXPECT_STREQ(pairs("path=%s at=%s", "/a/b-c.d:1,2", "<[{(*)}]>"), "path=/a/b-c.d:1,2 at=<[{(*)}]>");
    EXPECT_STREQ(pairs("%s", ""), ""); /* an event without pairs */
}

/* Formatted as by printf, for arguments of every size. */
TEST(every_kind_of_conversion)
{
    EXPECT_STREQ(pairs("a=%08.3f b=%+d c=%#x d=%-4d| e=%c", 3.14159, 5, 255u, 7, 'x'),
                 "a=0003.142 b=+5 c=0xff d=\"7   |\" e=x");
    EXPECT_STREQ(
        pairs("a=%" PRIu64 " b=%" PRId64 " c=%zu d=%td", UINT64_MAX, INT64_MIN, (size_t)1 << 40, (ptrdiff_t)-3),
        "a=18446744073709551615 b=-9223372036854775808 c=1099511627776 d=-3");
    EXPECT_STREQ(
        pairs("a=%ju b=%lld c=%lu d=%hhu e=%016" PRIx64, (uintmax_t)1, -2ll, 3ul, (unsigned char)4, UINT64_C(5)),
        "a=1 b=-2 c=3 d=4 e=0000000000000005");
    EXPECT_STREQ(pairs("a=%.*s b=%*d c=%g d=%e e=%d%%", 2, "xyz", 3, 7, 0.5, 1e10, 50),
                 "a=xy b=\"  7\" c=0.5 d=1.000000e+10 e=50%");
}

TEST(no_value_looks_like_another_pair)
{
    EXPECT_STREQ(pairs("run=%s text=%s uid=%u", "r1", "lost uid=0", 7u), "run=r1 text=\"lost uid=0\" uid=7");
    EXPECT_STREQ(pairs("text=%s", "uid=0"), "text=\"uid=0\"");
    EXPECT_STREQ(pairs("text=%s", "say \"uid=0\" \\"), "text=\"say \\\"uid=0\\\" \\\\\"");
    EXPECT_STREQ(pairs("text=%s", "\" uid=0"), "text=\"\\\" uid=0\"");
    EXPECT_STREQ(pairs("text=%s n=%d", "", 1), "text=\"\" n=1");
    EXPECT_STREQ(pairs("text=%s", "a\nb\tc\x1b[2J\x7f"), "text=\"a\\nb\\tc\\x1b[2J\\x7f\"");
    EXPECT_STREQ(pairs("text=%s", "grüße\u202e\xff"), "text=\"grüße\\u202e\\xff\"");
    EXPECT_STREQ(pairs("text=%s", "a\u3000b"), "text=\"a\u3000b\""); /* some readers treat U+3000 as a space */
}

TEST(quotes_in_a_format_hold_a_text_of_ours_together)
{
    EXPECT_STREQ(pairs("run=%s why=\"no room for %s\" n=%d", "r1", "it", 1), "run=r1 why=\"no room for it\" n=1");
    EXPECT_STREQ(pairs("why=\"%s\" n=%d", "plain", 1), "why=plain n=1");
    EXPECT_STREQ(pairs("why=\"%s\"", "a\" uid=\"0"), "why=\"a\\\" uid=\\\"0\"");
}

/* Reads a pair as a reader of the log would. Returns what follows it; NULL if it is not a pair with this key. */
static const char *read_pair(const char *p, const char *key, char *value)
{
    size_t bytes = strlen(key);

    if (strncmp(p, key, bytes) != 0 || p[bytes] != '=')
        return NULL;
    p += bytes + 1;
    if (*p != '"') {
        while (*p != '\0' && *p != ' ')
            *value++ = *p++;
    } else {
        for (p++; *p != '"'; p++) {
            if (*p == '\0')
                return NULL;
            if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
                p++;
            *value++ = *p;
        }
        p++;
    }
    *value = '\0';
    return *p == ' ' ? p + 1 : *p == '\0' ? p : NULL;
}

TEST(whatever_is_said_is_read_back)
{
    static const char odd[] = "a =\"\\\n\t\x1b\x7f";
    uint64_t state = 3;

    for (int i = 0; i < 20000; i++) {
        char in[2][12], back[2][256], want[2][256];
        for (int k = 0; k < 2; k++) {
            size_t bytes = test_random(&state) % sizeof in[k], at = 0, used;
            for (size_t b = 0; b < bytes; b++)
                in[k][b] = test_random(&state) % 2 ? odd[test_random(&state) % (sizeof odd - 1)]
                                                   : (char)(1 + test_random(&state) % 255);
            in[k][bytes] = '\0';
            for (size_t b = 0; b < bytes; b += used) /* harmful characters are escaped; '\' is not doubled */
                at += bit_escape_next(in[k] + b, bytes - b, want[k] + at, &used);
            want[k][at] = '\0';
        }
        const char *p = pairs("text=%s uid=%d cause=%s", in[0], 7, in[1]);
        bool good = bit_utf8_valid(p, strlen(p)) && (p = read_pair(p, "text", back[0])) != NULL &&
                    strncmp(p, "uid=7 ", 6) == 0 && (p = read_pair(p + 6, "cause", back[1])) != NULL && *p == '\0';
        if (!EXPECT(good) || !EXPECT_STREQ(back[0], want[0]) || !EXPECT_STREQ(back[1], want[1])) {
            fprintf(stderr, "    %s\n", text);
            return;
        }
    }
}

__attribute__((format(printf, 2, 3))) static void cut(size_t room, const char *fmt, ...)
{
    char out[64];
    va_list args;

    memset(out, 'x', sizeof out);
    va_start(args, fmt);
    size_t bytes = bit_pairs_format(out, room, fmt, args);
    va_end(args);
    EXPECT(bytes < room && out[bytes] == '\0' && out[room] == 'x');
    size_t quotes = 0;
    for (size_t i = 0; i < bytes; i += out[i] == '\\' ? 2 : 1)
        quotes += out[i] == '"';
    EXPECT(quotes % 2 == 0);
}

TEST(what_does_not_fit_is_cut_within_its_quotes)
{
    for (size_t room = 1; room < 60; room++) {
        cut(room, "a=%s text=%s n=%d", "1", "some words \\ \" \n and more of them than there is room for", 5);
        cut(room, "a=%s n=%d", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 5);
    }
}

TEST_MAIN
