/* Completion of bitctl's command line. */
#include "ctl/verbs/completion.h"
#include "ctl/verbs/verbs.h"
#include "tests/test.h"

static char text[1 << 16];

/* The words of the answer, separated by spaces. There is no daemon. */
static const char *answer(const char *line)
{
    char copy[256], *words[16], *rest = copy, *all = NULL, *out = text;
    size_t bytes;
    int count = 0;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        words[count++] = word;
    FILE *f = open_memstream(&all, &bytes);
    setenv("BITD_SOCKET", "/nonexistent/bitd.sock", 1);
    bit_completion_print(f, count, words);
    fclose(f);
    *out = '\0';
    for (char *at = all; *at != '\0'; at += strcspn(at, "\n") + 1)
        out += snprintf(out, sizeof text - (size_t)(out - text), "%s%.*s", at == all ? "" : " ",
                        (int)strcspn(at, "\t\n"), at);
    free(all);
    return text;
}

TEST(verbs_and_their_options)
{
    EXPECT_STREQ(answer("stat"), "status");
    EXPECT_STREQ(answer("log --ta"), "--tail");
    EXPECT_STREQ(answer("nonsense "), "");
    EXPECT(strstr(answer("ps -"), "--json") != NULL);
}

TEST(ways_of_a_verb)
{
    EXPECT_STREQ(answer("ckpt un"), "unpin");
    EXPECT_STREQ(answer("data info "), ":files");
    EXPECT_STREQ(answer("help presets pal"), "palm");
    EXPECT_STREQ(answer("help spec peak"), "");
    EXPECT_STREQ(answer("help spec schedule.pea"), "schedule.peak_lr");
    EXPECT_STREQ(answer("help pres"), "presets");
    EXPECT_STREQ(answer("set r1 pri"), ":nospace priority=");
}

TEST(values_of_options)
{
    EXPECT_STREQ(answer("submit --set schedule.pea"), ":nospace schedule.peak_lr=");
    EXPECT_STREQ(answer("submit --set=guard.preset=p"), "--set=guard.preset=palm");
    EXPECT_STREQ(answer("submit --set model.tied=t"), "model.tied=true");
    EXPECT_STREQ(answer("tokenize -t "), ":files");
    EXPECT_STREQ(answer("log --tail "), ""); /* a number */
    EXPECT_STREQ(answer("plot r1 --x "), "step tokens since-switch");
    EXPECT_STREQ(answer("plot r1 -x since"), "since-switch");
    EXPECT_STREQ(answer("plot r1 --y "), "loss norm lr flip zero strength rate eval: task:");
    EXPECT_STREQ(answer("plot r1 --y=n"), "--y=norm");
    EXPECT_STREQ(answer("plot r1 --y ev"), ":nospace eval:"); /* the name of a set follows */
}

/* A placeholder without completions must be a number; for a new one, add them to completion.c. */
TEST(every_verb_that_takes_runs_or_files_says_so)
{
    EXPECT_STREQ(answer("submit "), ":files");
    EXPECT_STREQ(answer("check "), ":files");
    EXPECT_STREQ(answer("status "), ""); /* runs, and there is no daemon */
    for (size_t i = 0; bit_verbs[i] != NULL; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --js", bit_verbs[i]->name);
        EXPECT_STREQ(answer(line), "--json");
    }
}

TEST_MAIN
