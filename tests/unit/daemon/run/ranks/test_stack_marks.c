/* Finding the ranks that have written their stacks in a log that is read in portions. */
#include <stdio.h>
#include <string.h>

#include "daemon/run/ranks/stack_marks.h"
#include "tests/test.h"

static const char log_text[] =
    "[1] noise stacks rank=2 end\n"
    "stacks rank=0 step=4 section=comm\n"
    "stack rank=0 thread=1 name=a /lib/x(+0x1)[0x2] and a line that is longer than any mark of a rank\n"
    "stacks rank=0 end\n"
    "stacks rank=3 end\n"
    "stacks rank=3 end\n"
    "stacks rank=4 end\n" /* there is no such rank */
    "stacks rank=1 end of it\n"
    "stacks rank=2 en";

TEST(marks_are_found_wherever_the_portions_end)
{
    for (size_t portion = 1; portion <= sizeof log_text; portion++) {
        struct bit_stack_marks m = {0};
        EXPECT_EQ(bit_stack_marks_begin(&m, 4), 0);
        for (size_t at = 0; at < sizeof log_text - 1; at += portion) {
            size_t left = sizeof log_text - 1 - at;
            bit_stack_marks_take(&m, log_text + at, left < portion ? left : portion);
        }
        EXPECT(m.answered[0] && !m.answered[1] && !m.answered[2] && m.answered[3]);
        EXPECT_EQ(m.count, 2u);
        bit_stack_marks_take(&m, "d\n", 2);
        EXPECT(m.answered[2]);
        bit_stack_marks_finish(&m);
    }
}

TEST(many_ranks_and_long_stacks)
{
    struct bit_stack_marks m = {0};
    char text[512];

    EXPECT_EQ(bit_stack_marks_begin(&m, 4096), 0);
    for (unsigned r = 0; r < 4096; r++) {
        int n = snprintf(text, sizeof text, "stacks rank=%u step=1 section=comm\n%0300d\nstacks rank=%u end\n", r, 0,
                         r);
        bit_stack_marks_take(&m, text, (size_t)n);
    }
    EXPECT_EQ(m.count, 4096u);
    bit_stack_marks_finish(&m);
}

TEST_MAIN
