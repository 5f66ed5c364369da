/* For the tests of specifications: a small valid one, and what is wrong with it after some lines more. */
#ifndef BIT_TESTS_SPEC_PROBLEMS_H
#define BIT_TESTS_SPEC_PROBLEMS_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/err.h"
#include "tests/spec_of.h"

/* Enough for a valid run. */
#define SMALL "model { preset: 'olmo_20m' }\ndata { train: 'a.npy' }\n"

static inline Bit__RunSpec *normalised(const char *text)
{
    return test_spec_normalised(text, "/data");
}

/* The text as it is printed: to see whether two specs are the same. The caller's to free. */
static inline char *print(const Bit__RunSpec *spec)
{
    char *text = NULL;

    EXPECT_EQ(bit_text_print(&spec->base, &text, NULL), 0);
    return text;
}

/* SMALL with these lines is refused, with exactly this problem. */
static inline void expect_problem(const char *lines, const char *field, int line, const char *says)
{
    char text[1024];

    snprintf(text, sizeof text, SMALL "%s", lines);
    Bit__RunSpec *spec = normalised(text);
    bool good = EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC) && EXPECT_EQ(test_problems.count, 1) &&
                EXPECT_STREQ(test_problems.item[0].field, field) && EXPECT_CONTAINS(test_problems.item[0].text, says) &&
                EXPECT_EQ(test_problems.item[0].line, line);
    for (int i = 0; i < bit_problems_kept(&test_problems) && !good; i++)
        fprintf(stderr, "    %s: %s: %s\n", lines, test_problems.item[i].field, test_problems.item[i].text);
    bit_msg_free(spec);
}

static inline void expect_valid(const char *lines)
{
    char text[1024];

    snprintf(text, sizeof text, SMALL "%s", lines);
    Bit__RunSpec *spec = normalised(text);
    if (!EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0))
        fprintf(stderr, "    %s: %s: %s\n", lines, test_problems.item[0].field, test_problems.item[0].text);
    bit_msg_free(spec);
}

#endif
