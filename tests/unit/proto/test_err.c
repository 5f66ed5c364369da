#include "proto/err.h"

#include <errno.h>

#include <pthread.h>

#include "proto/limits.h"
#include "tests/test.h"

#define FIRST BIT_EUSAGE
#define LAST  BIT_EREPLICA

TEST(every_code_has_its_own_text)
{
    for (int a = FIRST; a >= LAST; a--) {
        EXPECT(strncmp(bit_strerror(a), "error ", 6) != 0);
        for (int b = a - 1; b >= LAST; b--)
            EXPECT(strcmp(bit_strerror(a), bit_strerror(b)) != 0);
    }
}

TEST(system_codes_keep_their_text)
{
    EXPECT_STREQ(bit_strerror(-ENOENT), strerror(ENOENT));
    EXPECT_STREQ(bit_strerror(LAST - 1000), "error -6024");
}

TEST(exit_codes_are_above_zero_and_below_126)
{
    EXPECT_EQ(bit_exit_code(0), BIT_EXIT_OK);
    EXPECT_EQ(bit_exit_code(17), BIT_EXIT_OK);
    for (int err = FIRST; err >= LAST; err--)
        EXPECT(bit_exit_code(err) > 0 && bit_exit_code(err) <= 125);
    for (int err = -1; err > -200; err--)
        EXPECT(bit_exit_code(err) > 0 && bit_exit_code(err) <= 125);
    EXPECT_EQ(bit_exit_code(BIT_ESPEC), 64);
    EXPECT_EQ(bit_exit_code(BIT_ENORUN), 102);
    EXPECT_EQ(bit_exit_code(-EACCES), BIT_EXIT_PERMISSION);
    EXPECT_EQ(bit_exit_code(-ENOSPC), BIT_EXIT_CANTCREATE);
}

TEST(fail_notes_text_place_and_returns_the_code)
{
    EXPECT_EQ(bit_fail(BIT_ECORRUPT, "chunk %d of '%s'", 7, "model"), BIT_ECORRUPT);
    EXPECT_STREQ(bit_fail_text(), "chunk 7 of 'model': corrupt data");
    EXPECT_CONTAINS(bit_fail_place(), "tests/unit/proto/test_err.c:");
    EXPECT(bit_fail_place()[0] != '.');
}

TEST(fail_text_is_cut_not_overrun)
{
    char big[2 * BIT_ERR_TEXT_MAX];

    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    bit_fail(-EIO, "%s", big);
    EXPECT_EQ(strlen(bit_fail_text()), BIT_ERR_TEXT_MAX - 1);
}

TEST(fail_text_is_always_utf8)
{
    char big[2 * BIT_ERR_TEXT_MAX] = "";

    bit_fail(-ENOENT, "path '%s'", "a\xff\xc3[ü]");
    EXPECT_STREQ(bit_fail_text(), "path 'a??[ü]': No such file or directory");
    for (size_t i = 0; i + 3 < sizeof big; i += 3)
        memcpy(big + i, "€", 4);
    bit_fail(-EIO, "%s", big);
    EXPECT_EQ(strlen(bit_fail_text()), (size_t)(BIT_ERR_TEXT_MAX - 1) / 3 * 3);
    EXPECT_STREQ(bit_fail_text() + (BIT_ERR_TEXT_MAX - 1) / 3 * 3 - 6, "€€");
}

TEST(context_goes_before_the_note)
{
    char first[96];

    bit_fail(BIT_ECORRUPT, "chunk %d", 7);
    snprintf(first, sizeof first, "%s", bit_fail_place());
    EXPECT_EQ(bit_fail_within(BIT_ECORRUPT, "restoring '%s'", "x"), BIT_ECORRUPT);
    EXPECT_STREQ(bit_fail_text(), "restoring 'x': chunk 7: corrupt data");
    EXPECT_STREQ(bit_fail_place(), first);
}

static void *fail_elsewhere(void *arg)
{
    bit_fail(-EIO, "another thread");
    return NULL;
}

TEST(notes_belong_to_their_thread)
{
    pthread_t thread;

    bit_fail(-ENOENT, "mine");
    EXPECT_EQ(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    EXPECT_CONTAINS(bit_fail_text(), "mine");
}

TEST(note_of_another_thread_is_noted_again_with_its_code_once)
{
    char theirs[BIT_ERR_TEXT_MAX];

    bit_fail(BIT_ECORRUPT, "'%s'", "x");
    snprintf(theirs, sizeof theirs, "%s", bit_fail_text());
    bit_fail(BIT_EUSAGE, "something else");
    EXPECT_EQ(bit_fail_again(BIT_ECORRUPT, "rank 3: ", theirs), BIT_ECORRUPT);
    EXPECT_STREQ(bit_fail_text(), "rank 3: 'x': corrupt data");
    EXPECT(strstr(bit_fail_place(), "test_err.c:") != NULL);
    bit_fail_again(BIT_ELIMIT, "", theirs);
    EXPECT_STREQ(bit_fail_text(), "'x': corrupt data: above the limit");
}

TEST(what_a_note_says_itself_is_not_added)
{
    bit_fail(-ENOENT, "open 'x': No such file or directory");
    EXPECT_STREQ(bit_fail_text(), "open 'x': No such file or directory");
    bit_fail(BIT_EBUSY, "another bitd has it");
    EXPECT_STREQ(bit_fail_text(), "another bitd has it");
    bit_fail(-ENOENT, "open 'x'");
    EXPECT_STREQ(bit_fail_text(), "open 'x': No such file or directory");
}

TEST_MAIN
