/* Messages as whole files, and files copied from one folder to another. */
#include "daemon/sys/files/message_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/sys/files/fileio.h"
#include "proto/bit.pb-c.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/folder.h"
#include "tests/test.h"

static int read_back(const char *path, size_t bytes_max, ProtobufCMessage **out)
{
    return bit_message_file_read(path, &bit__run_priority__descriptor, bytes_max, 1 << 16, out);
}

TEST(what_is_written_is_read)
{
    const char *path = test_path("message");
    Bit__Mutation asked = BIT__MUTATION__INIT;
    Bit__RunPriority m = BIT__RUN_PRIORITY__INIT;
    ProtobufCMessage *read = NULL;

    asked.verb = (char *)(uintptr_t) "set";
    asked.request_id = (char *)(uintptr_t) "one";
    m.asked = &asked;
    m.priority = -7;
    EXPECT_EQ(bit_message_file_write(path, &m.base), 0);
    if (EXPECT_EQ(read_back(path, 1024, &read), 0))
        EXPECT(bit_msg_is_same(read, &m.base));
    m.priority = 7;
    EXPECT(read != NULL && !bit_msg_is_same(read, &m.base));
    bit_msg_free(read);
    read = NULL;
    EXPECT_EQ(read_back(path, 4, &read), BIT_ELIMIT);
    EXPECT(read == NULL);
}

TEST(what_is_no_such_message_is_corrupt)
{
    const char *path = test_path("damaged");
    ProtobufCMessage *read = NULL;

    EXPECT_EQ(read_back(path, 1024, &read), -ENOENT);
    EXPECT_EQ(bit_file_write(path, "\xff\xff\xff", 3), 0);
    EXPECT_EQ(read_back(path, 1024, &read), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT(read == NULL);
}

TEST(a_copy_is_the_same_and_none_is_no_error)
{
    uint8_t *bytes = NULL;
    size_t count = 0;
    char from[256], to[256], file[300];

    snprintf(from, sizeof from, "%s", test_path("from"));
    snprintf(to, sizeof to, "%s", test_path("to"));
    EXPECT_EQ(mkdir(from, 0700) | mkdir(to, 0700), 0);
    EXPECT_EQ(bit_file_copy(from, to, "data", 16), 0);
    snprintf(file, sizeof file, "%s/data", to);
    EXPECT_EQ(bit_file_read(file, 16, &bytes, &count), -ENOENT);
    snprintf(file, sizeof file, "%s/data", from);
    EXPECT_EQ(bit_file_write(file, "tokens", 6), 0);
    EXPECT_EQ(bit_file_copy(from, to, "data", 5), BIT_ELIMIT);
    EXPECT_EQ(bit_file_copy(from, to, "data", 16), 0);
    snprintf(file, sizeof file, "%s/data", to);
    if (EXPECT_EQ(bit_file_read(file, 16, &bytes, &count), 0))
        EXPECT(count == 6 && memcmp(bytes, "tokens", 6) == 0);
    free(bytes);
}

TEST_MAIN
