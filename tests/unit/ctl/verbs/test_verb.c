/* bitctl's verbs and their options: every verb has its help, mistakes exit with 2, values are taken literally. */
#include <getopt.h>
#include <glob.h>

#include "ctl/cli/options.h"
#include "ctl/show/print.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "tests/test.h"

TEST(every_verb_describes_itself)
{
    for (size_t i = 0; bit_verbs[i]; i++) {
        const struct bit_cli_verb *c = bit_verbs[i];
        EXPECT(c->name && *c->name && c->summary && *c->summary && c->synopsis && c->description && c->run);
        EXPECT(bit_verb_find(bit_verbs, c->name) == c);
        EXPECT(c->summary[0] >= 'a' && c->summary[0] <= 'z');
        EXPECT(c->quiet && c->quiet[strlen(c->quiet) - 1] == '.');
        EXPECT(c->json && c->json[0].type && c->json[0].when && *c->json[0].when);
        for (const struct bit_option *o = c->options; o && o->name; o++) {
            EXPECT(o->help && o->help[strlen(o->help) - 1] == '.');
            EXPECT(strcmp(o->name, "json") != 0 && strcmp(o->name, "help") != 0);
        }
    }
    EXPECT(bit_verb_find(bit_verbs, "nonsense") == NULL);
}

static const char *meant(const char *word)
{
    const struct bit_cli_verb *verb = bit_verb_meant(bit_verbs, word);

    return verb != NULL ? verb->name : "none";
}

TEST(a_mistyped_verb_or_another_tools_word_is_understood)
{
    EXPECT_STREQ(meant("sumbit"), "submit");
    EXPECT_STREQ(meant("staus"), "status");
    EXPECT_STREQ(meant("logs"), "log");
    EXPECT_STREQ(meant("kill"), "cancel");
    EXPECT_STREQ(meant("list"), "ps");
    EXPECT_STREQ(meant("xylophone"), "none");
    EXPECT_STREQ(bit_verb_option_meant(bit_verb_find(bit_verbs, "submit"), "--folow"), "follow");
    EXPECT_STREQ(bit_verb_option_meant(bit_verb_find(bit_verbs, "submit"), "--dryrun"), "dry-run");
    EXPECT_STREQ(bit_verb_option_meant(bit_verb_find(bit_verbs, "log"), "--tial=3"), "tail");
    EXPECT_STREQ(bit_verb_option_meant(bit_verb_find(bit_verbs, "ps"), "--jsn"), "json");
    EXPECT(bit_verb_option_meant(bit_verb_find(bit_verbs, "ps"), "--xylophone") == NULL);
    EXPECT(bit_verb_option_meant(bit_verb_find(bit_verbs, "ps"), "-x") == NULL);
}

/* Words of other tools suggest a verb that exists. */
TEST(every_word_of_another_tool_leads_somewhere)
{
    static const char *const words[] = {"list",  "ls",   "queue",    "logs",    "kill",   "stop",
                                        "abort", "run",  "start",    "train",   "follow", "watch",
                                        "show",  "info", "continue", "compare", "save"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        EXPECT(bit_verb_meant(bit_verbs, words[i]) != NULL);
}

/* A verb that is missing in the list in ctl/verbs/meson.build is not built, and nothing else reports it. */
TEST(every_file_of_a_verb_is_in_the_table)
{
    const char *root = getenv("BIT_SOURCE_ROOT");
    char pattern[512], name[64];
    glob_t files;

    snprintf(pattern, sizeof pattern, "%s/ctl/verbs/cmd_*.c", root != NULL ? root : ".");
    if (!EXPECT_EQ(glob(pattern, 0, NULL, &files), 0))
        return;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        snprintf(name, sizeof name, "%s", strrchr(files.gl_pathv[i], '/') + strlen("/cmd_"));
        *strrchr(name, '.') = '\0';
        if (!EXPECT(bit_verb_find(bit_verbs, name) != NULL))
            fprintf(stderr, "    list %s in ctl/verbs/meson.build\n", name);
    }
    globfree(&files);
}

static int run_verb(const char *a, const char *b, const char *c)
{
    struct bit_cli cli = {.socket = "/nonexistent/bitd.sock", .quiet = true};
    char text[3][64];
    char *argv[4] = {0};
    const char *given[3] = {a, b, c};
    int argc = 0;

    for (; argc < 3 && given[argc]; argc++) {
        snprintf(text[argc], sizeof text[argc], "%s", given[argc]);
        argv[argc] = text[argc];
    }
    optind = 0;
    return bit_verb_find(bit_verbs, a)->run(&cli, argc, argv);
}

TEST(mistakes_end_with_2_and_no_daemon_with_69)
{
    FILE *quiet = freopen("/dev/null", "w", stderr);

    EXPECT(quiet != NULL);
    EXPECT_EQ(run_verb("status", NULL, NULL), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("status", "--nonsense", NULL), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("switch", "r1", "--at=soon"), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("switch", "r1", NULL), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("wait", "r1", "--for=nothing"), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("ps", "r1", NULL), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("plot", "r1", "--y=speed"), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("plot", "r1", "--svg=x.svg"), BIT_EXIT_UNAVAILABLE);
    EXPECT_EQ(run_verb("table", "r1", "--last=0"), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("table", "r1", "--last=1000001"), BIT_EXIT_USAGE);
    EXPECT_EQ(run_verb("table", "r1", "--last=1000000"), BIT_EXIT_UNAVAILABLE);
    EXPECT_EQ(run_verb("table", "r1", "--pairs"), BIT_EXIT_UNAVAILABLE);
    EXPECT_EQ(run_verb("status", "r1", NULL), BIT_EXIT_UNAVAILABLE);
    EXPECT_EQ(run_verb("switch", "r1", "--at=4000"), BIT_EXIT_UNAVAILABLE);
}

TEST(numbers)
{
    uint64_t n = 7;

    EXPECT(bit_parse_u64("18446744073709551615", &n) && n == UINT64_MAX);
    EXPECT(!bit_parse_u64("18446744073709551616", &n));
    EXPECT(!bit_parse_u64("-1", &n) && !bit_parse_u64("", &n) && !bit_parse_u64("1x", &n) && !bit_parse_u64(" 1", &n));
}

TEST(texts)
{
    char out[BIT_TEXT];

    EXPECT_STREQ(bit_text_duration(3.21, out), "3.2s");
    EXPECT_STREQ(bit_text_duration(192, out), "3m12s");
    EXPECT_STREQ(bit_text_duration(18420, out), "5h07m");
    EXPECT_STREQ(bit_text_duration(NAN, out), "-");
    EXPECT_STREQ(bit_text_count(950, out), "950");
    EXPECT_STREQ(bit_text_count(4194304, out), "4.19M");
    EXPECT_STREQ(bit_text_bytes(1610612736, out), "1.5 GiB");
}

TEST(the_help_of_socket_names_every_place_that_is_looked_at)
{
    const char *help = bit_verb_common[BIT_COMMON_SOCKET].help;

    EXPECT_CONTAINS(help, "$BITD_SOCKET");
    EXPECT_CONTAINS(help, "$XDG_RUNTIME_DIR/bitd.sock");
    EXPECT_CONTAINS(help, "/.local/state/bitd/bitd.sock");
    EXPECT_CONTAINS(help, " /run/bitd/bitd.sock");
}

TEST_MAIN
