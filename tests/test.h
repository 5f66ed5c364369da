/*
 * Expectations for plain C test programs.
 *
 *     TEST(decode_refuses_bad_magic)
 *     {
 *         EXPECT_EQ(bit_frame_decode(buf, sizeof buf, max, &frame, &need), BIT_EFRAME);
 *     }
 *     TEST_MAIN
 *
 * Tests run in the order of the file; `test_frame magic` runs those whose name contains "magic". A failing expectation
 * is printed with both texts and both values, counted, and the test continues. Every EXPECT is also an expression with
 * the value true if it held, for `if (!EXPECT(...)) return;`. The program exits with 1 if any failed, with 77 if every
 * test was skipped, otherwise with 0. The files of a program share one count.
 */
#ifndef BIT_TESTS_TEST_H
#define BIT_TESTS_TEST_H

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/folder.h"

#define TEST_CASES_MAX 256
#define TEST_SKIPPED   77

struct test_state {
    struct {
        const char *name;
        void (*body)(void);
    } cases[TEST_CASES_MAX];
    int case_count;
    const char *current; /* the running test's name */
    bool current_skipped;
    long expectations, failures;
    int run, skipped;
};
__attribute__((weak)) struct test_state test_state;

/* A value with its signedness, so that -1 never equals UINT64_MAX. */
struct test_value {
    enum { TEST_SIGNED, TEST_UNSIGNED, TEST_FLOAT, TEST_POINTER } kind;
    int64_t i;
    uint64_t u;
    double f;
    const void *p;
};

static inline struct test_value test_signed(int64_t v)
{
    return (struct test_value){.kind = TEST_SIGNED, .i = v};
}

static inline struct test_value test_unsigned(uint64_t v)
{
    return (struct test_value){.kind = TEST_UNSIGNED, .u = v};
}

static inline struct test_value test_float(double v)
{
    return (struct test_value){.kind = TEST_FLOAT, .f = v};
}

static inline struct test_value test_pointer(const volatile void *v)
{
    return (struct test_value){.kind = TEST_POINTER, .p = (const void *)(uintptr_t)v};
}

/* clang-format off */
#define TEST_VALUE(v)                                                                                                  \
    _Generic((v),                                                                                                      \
        _Bool: test_unsigned, unsigned char: test_unsigned, unsigned short: test_unsigned, unsigned: test_unsigned,    \
        unsigned long: test_unsigned, unsigned long long: test_unsigned,                                               \
        char: test_signed, signed char: test_signed, short: test_signed, int: test_signed, long: test_signed,          \
        long long: test_signed,                                                                                        \
        float: test_float, double: test_float, long double: test_float,                                                \
        default: test_pointer)(v)
/* clang-format on */

static inline bool test_equal(struct test_value a, struct test_value b)
{
    if (a.kind == TEST_FLOAT || b.kind == TEST_FLOAT) {
        double x = a.kind == TEST_FLOAT ? a.f : a.kind == TEST_SIGNED ? (double)a.i : (double)a.u;
        double y = b.kind == TEST_FLOAT ? b.f : b.kind == TEST_SIGNED ? (double)b.i : (double)b.u;
        return x == y;
    }
    if (a.kind == TEST_POINTER && b.kind == TEST_POINTER)
        return a.p == b.p;
    if (a.kind == TEST_SIGNED && b.kind == TEST_SIGNED)
        return a.i == b.i;
    if (a.kind == TEST_SIGNED)
        return a.i >= 0 && (uint64_t)a.i == b.u;
    if (b.kind == TEST_SIGNED)
        return b.i >= 0 && (uint64_t)b.i == a.u;
    return a.u == b.u;
}

static inline const char *test_print(struct test_value v, char out[64])
{
    switch (v.kind) {
    case TEST_SIGNED:
        snprintf(out, 64, "%lld", (long long)v.i);
        break;
    case TEST_UNSIGNED:
        snprintf(out, 64, "%llu (0x%llx)", (unsigned long long)v.u, (unsigned long long)v.u);
        break;
    case TEST_FLOAT:
        snprintf(out, 64, "%.17g", v.f);
        break;
    case TEST_POINTER:
        snprintf(out, 64, "%p", v.p);
        break;
    }
    return out;
}

static inline void test_print_text(const char *label, const char *text)
{
    fprintf(stderr, "    %s is ", label);
    if (text == NULL) {
        fprintf(stderr, "NULL\n");
        return;
    }
    fputc('"', stderr);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(stderr, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", stderr);
        else if (iscntrl(*c))
            fprintf(stderr, "\\x%02x", *c);
        else
            fputc(*c, stderr);
    }
    fputs("\"\n", stderr);
}

/* Counts one expectation and prints where it failed. Returns whether it held. */
static inline bool test_note(bool held, const char *file, int line, const char *text)
{
    test_state.expectations++;
    if (held)
        return true;
    while (strncmp(file, "../", 3) == 0) /* __FILE__ is relative to the build folder */
        file += 3;
    test_state.failures++;
    fprintf(stderr, "%s:%d: %s: expected %s\n", file, line, test_state.current ? test_state.current : "main", text);
    return false;
}

static inline bool test_compare(struct test_value a, struct test_value b, bool want_equal, const char *file, int line,
                                const char *text, const char *a_text, const char *b_text)
{
    char buf[64];

    if (test_note(test_equal(a, b) == want_equal, file, line, text))
        return true;
    fprintf(stderr, "    %s is %s\n", a_text, test_print(a, buf));
    fprintf(stderr, "    %s is %s\n", b_text, test_print(b, buf));
    return false;
}

static inline bool test_near(double a, double b, double tolerance, const char *file, int line, const char *text,
                             const char *a_text, const char *b_text)
{
    /* The condition is written so that NaN never passes and equal infinities do. */
    if (test_note(a == b || fabs(a - b) <= tolerance, file, line, text))
        return true;
    fprintf(stderr, "    %s is %.17g\n    %s is %.17g\n    they differ by %.3g, more than %.3g\n", a_text, a, b_text, b,
            fabs(a - b), tolerance);
    return false;
}

static inline bool test_strings(const char *a, const char *b, const char *file, int line, const char *text,
                                const char *a_text, const char *b_text)
{
    if (test_note(a == b || (a != NULL && b != NULL && strcmp(a, b) == 0), file, line, text))
        return true;
    test_print_text(a_text, a);
    test_print_text(b_text, b);
    return false;
}

static inline bool test_contains(const char *text_all, const char *part, const char *file, int line, const char *text,
                                 const char *a_text)
{
    if (test_note(text_all != NULL && strstr(text_all, part) != NULL, file, line, text))
        return true;
    test_print_text(a_text, text_all);
    return false;
}

static inline bool test_memory(const void *a, const void *b, size_t bytes, const char *file, int line, const char *text)
{
    const uint8_t *x = a, *y = b;
    size_t at = 0;

    while (at < bytes && x[at] == y[at])
        at++;
    if (test_note(at == bytes, file, line, text))
        return true;
    fprintf(stderr, "    the first of %zu bytes to differ is %zu: 0x%02x and 0x%02x\n", bytes, at, x[at], y[at]);
    return false;
}

#define EXPECT(cond)       test_note((cond), __FILE__, __LINE__, #cond)
#define EXPECT_EQ(a, b)    TEST_COMPARE(a, b, true, "==")
#define EXPECT_NE(a, b)    TEST_COMPARE(a, b, false, "!=")
#define EXPECT_STREQ(a, b) test_strings((a), (b), __FILE__, __LINE__, #a " == " #b, #a, #b)
/* The string `all` contains `part`: for error texts. */
#define EXPECT_CONTAINS(all, part) test_contains((all), (part), __FILE__, __LINE__, #part " in " #all, #all)
#define EXPECT_MEMEQ(a, b, bytes)  test_memory((a), (b), (bytes), __FILE__, __LINE__, #a " == " #b)
#define EXPECT_NEAR(a, b, tolerance)                                                                                   \
    test_near((a), (b), (tolerance), __FILE__, __LINE__, #a " near " #b " within " #tolerance, #a, #b)
#define TEST_COMPARE(a, b, equal, op)                                                                                  \
    test_compare(TEST_VALUE(a), TEST_VALUE(b), (equal), __FILE__, __LINE__, #a " " op " " #b, #a, #b)

/* Leave the current test, which counts as skipped. */
#define SKIP(reason)                                                                                                   \
    do {                                                                                                               \
        test_skip(reason);                                                                                             \
        return;                                                                                                        \
    } while (0)

static inline void test_skip(const char *reason)
{
    test_state.current_skipped = true;
    printf("skipped %s: %s\n", test_state.current ? test_state.current : "main", reason);
}

/* Leave the whole program, from anywhere. */
#define SKIP_ALL(reason)                                                                                               \
    do {                                                                                                               \
        printf("skipped: %s\n", (reason));                                                                             \
        exit(test_state.failures > 0 ? 1 : TEST_SKIPPED);                                                              \
    } while (0)

static inline void test_register(const char *name, void (*body)(void))
{
    if (test_state.case_count == TEST_CASES_MAX)
        abort();
    test_state.cases[test_state.case_count].name = name;
    test_state.cases[test_state.case_count++].body = body;
}

#define TEST(name)                                                                                                     \
    static void name(void);                                                                                            \
    __attribute__((constructor)) static void test_register_##name(void)                                                \
    {                                                                                                                  \
        test_register(#name, name);                                                                                    \
    }                                                                                                                  \
    static void name(void)

static inline void test_run_one(int index)
{
    test_state.current = test_state.cases[index].name;
    test_state.current_skipped = false;
    test_state.cases[index].body();
    test_state.run++;
    test_state.skipped += test_state.current_skipped;
    test_state.current = NULL;
}

/* Prints the last line; returns the program's exit code. */
static inline int test_end(void)
{
    printf("%d tests, %d skipped, %ld expectations, %ld failed\n", test_state.run, test_state.skipped,
           test_state.expectations, test_state.failures);
    if (test_state.failures > 0)
        return 1;
    if (test_state.run == 0) {
        fprintf(stderr, "no test ran\n");
        return 1;
    }
    return test_state.skipped == test_state.run ? TEST_SKIPPED : 0;
}

static inline int test_run_all(int argc, char **argv)
{
    for (int i = 0; i < test_state.case_count; i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strstr(test_state.cases[i].name, argv[a]) != NULL;
        if (wanted)
            test_run_one(i);
    }
    return test_end();
}

#define TEST_MAIN                                                                                                      \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        return test_run_all(argc, argv);                                                                               \
    }

#endif
