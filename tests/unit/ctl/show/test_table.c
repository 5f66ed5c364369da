/* Tables and lines that fit a terminal. */
#include "ctl/show/fold.h"
#include "ctl/show/run_table.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "tests/test.h"

static char *text;
static size_t bytes;

static FILE *begin(void)
{
    free(text);
    text = NULL;
    return open_memstream(&text, &bytes);
}

static const struct bit_table_column columns[] = {
    {"RUN"},
    {"NAME", .leave = 2, .narrowed = 6},
    {"LOSS", .right = true},
    {"LEFT", .right = true, .leave = 1},
};

static const char *print(int width, size_t most)
{
    static const char *const rows[][4] = {
        {"r1", "short", "1.5", "3m"}, {"r12", "a-long-name", "10.25", "-"}, {"r3", "größer", "-", "2h"}};
    struct bit_table t;
    FILE *f = begin();

    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < BIT_COUNT(rows); i++)
        bit_table_add(&t, rows[i]);
    bit_table_print(f, &t, width, most);
    bit_table_finish(&t);
    fclose(f);
    return text;
}

TEST(columns_are_as_wide_as_what_is_in_them)
{
    static const char whole[] = "RUN NAME         LOSS LEFT\n"
                                "r1  short         1.5   3m\n"
                                "r12 a-long-name 10.25    -\n"
                                "r3  größer          -   2h\n";

    EXPECT_STREQ(print(0, 10), whole);
    EXPECT_STREQ(print(26, 10), whole);
    EXPECT_STREQ(print(1000, 3), whole);
}

TEST(a_name_is_cut_before_a_column_goes)
{
    EXPECT_STREQ(print(24, 10), "RUN NAME       LOSS LEFT\n"
                                "r1  short       1.5   3m\n"
                                "r12 a-long-.. 10.25    -\n"
                                "r3  größer        -   2h\n");
    /* the least important column is left out first; its room goes to those that were cut */
    EXPECT_STREQ(print(18, 10), "RUN  LOSS LEFT\n"
                                "r1    1.5   3m\n"
                                "r12 10.25    -\n"
                                "r3      -   2h\n");
}

TEST(rows_that_there_is_no_room_for_are_counted)
{
    EXPECT_STREQ(print(26, 2), "RUN NAME         LOSS LEFT\n"
                               "r1  short         1.5   3m\n"
                               "and 2 more\n");
}

/* Branches of a sweep differ in their labels, so a narrow table keeps the column with the label. */
TEST(runs_of_a_sweep_keep_their_branches_where_there_is_little_room)
{
    Bit__RunStatus one = BIT__RUN_STATUS__INIT, *list[] = {&one};

    one.run = bit_lend("r12");
    one.name = bit_lend("a_longer_name-12");
    one.state = BIT__RUN_STATE__COMPLETED;
    one.step = one.steps = 20000;
    for (int of_sweep = 0; of_sweep < 2; of_sweep++) {
        one.sweep = of_sweep ? bit_lend("s1") : NULL;
        one.label = of_sweep ? bit_lend("optimizer=RESET at_step=4000") : NULL;
        FILE *f = begin();
        bit_run_table_print(f, list, 1, 72, SIZE_MAX);
        fclose(f);
        EXPECT_EQ(strstr(text, "BRANCH") != NULL, of_sweep);
        EXPECT_EQ(strstr(text, "s1 optimizer=RESET at_step") != NULL, of_sweep);
        for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
            EXPECT(strcspn(line, "\n") <= 72);
    }
}

static const char *fold(const char *line, int width)
{
    FILE *f = begin();

    bit_fold_text(f, line, width);
    fclose(f);
    return text;
}

TEST(lines_are_folded_between_words)
{
    EXPECT_STREQ(fold("it fits\n", 7), "it fits\n");
    EXPECT_STREQ(fold("\n\nit does not fit\n", 11), "\n\nit does not\n  fit\n");
    EXPECT_STREQ(fold("state    training from step 5\n", 20), "state    training\n         from step 5\n");
    EXPECT_STREQ(fold("    an indented line\n", 15), "    an indented\n    line\n");
    EXPECT_STREQ(fold("a-word-that-is-longer\n", 10), "a-word-tha\n  t-is-lon\n  ger\n");
    EXPECT_STREQ(fold("größer größer größer\n", 13), "größer größer\n  größer\n");
    EXPECT_STREQ(fold("ends in spaces     \n", 15), "ends in spaces\n");
}

TEST(lines_are_cut_at_characters)
{
    FILE *f = begin();

    bit_fold_cut(f, "größer\nas long\nthe third\n", 4, 2);
    fclose(f);
    EXPECT_STREQ(text, "größ\nas l");
}

TEST_MAIN
