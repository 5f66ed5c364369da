/* print_journal prints, without a daemon, each record that bitd reports. */
#include <stdio.h>
#include <string.h>

#include "tests/daemon/fixture.h"

static FILE *print_journal(const struct fix *f, const char *run)
{
    char command[512];

    snprintf(command, sizeof command, "%s %s/runs/%s/journal 2>&1", PRINT_JOURNAL_PATH, f->state, run);
    return popen(command, "r");
}

TEST(a_journal_is_printed_record_by_record)
{
    struct fix f;
    struct fix_events events;
    char run[32], line[4096], last[4096] = "";
    size_t lines = 0;

    fix_init(&f);
    EXPECT(fix_start(&f));
    fix_submit(&f, "", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &events);
    FILE *printed = print_journal(&f, run);
    for (; fgets(line, sizeof line, printed) != NULL; lines++)
        snprintf(last, sizeof last, "%s", line);
    EXPECT_EQ(pclose(printed), 0);
    EXPECT_EQ(lines, events.count);
    EXPECT(strstr(last, "\"state\":\"completed\"") != NULL);
    fix_events_free(&events);
    fix_finish(&f);
}

TEST(a_torn_journal_is_printed_up_to_there)
{
    struct fix f;
    char run[32], line[4096], path[256];
    size_t lines = 0;

    fix_init(&f);
    EXPECT(fix_start(&f));
    fix_submit(&f, "", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    snprintf(path, sizeof path, "%s/runs/%s/journal", f.state, run);
    FILE *journal = fopen(path, "a");
    fputs("half", journal);
    fclose(journal);
    FILE *printed = print_journal(&f, run);
    for (; fgets(line, sizeof line, printed) != NULL; lines++)
        ;
    EXPECT(pclose(printed) != 0);
    EXPECT(lines > 20);
    EXPECT(strstr(line, "a torn record") != NULL);
    fix_finish(&f);
}

TEST_MAIN
