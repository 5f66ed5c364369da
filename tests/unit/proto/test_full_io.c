/* Reads and writes that are done in parts. */
#include "proto/full_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/folder.h"
#include "tests/test.h"

TEST(parts_are_joined_up_to_the_end)
{
    char out[16] = "";
    int pair[2];
    size_t got = 99;

    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0); /* each read ends at the end of a packet */
    EXPECT_EQ(bit_full_io_write(pair[0], "ab", 2), 0);
    EXPECT_EQ(bit_full_io_write(pair[0], "cde", 3), 0);
    EXPECT_EQ(bit_full_io_write(pair[0], "f", 1), 0);
    EXPECT_EQ(bit_full_io_read(pair[1], out, 5, &got), 0);
    EXPECT_EQ(got, 5);
    EXPECT_STREQ(out, "abcde");
    close(pair[0]);
    EXPECT_EQ(bit_full_io_read(pair[1], out, sizeof out, &got), 0); /* the end is no error */
    EXPECT_EQ(got, 1);
    EXPECT_EQ(bit_full_io_read(pair[1], out, sizeof out, &got), 0);
    EXPECT_EQ(got, 0);
    close(pair[1]);
}

TEST(read_at_leaves_the_position)
{
    const int fd = open(test_path("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char out[16] = "";
    size_t got = 0;

    EXPECT_EQ(bit_full_io_write(fd, "0123456789", 10), 0);
    EXPECT_EQ(bit_full_io_read_at(fd, out, 4, 3, &got), 0);
    EXPECT_EQ(got, 4);
    EXPECT_STREQ(out, "3456");
    EXPECT_EQ(bit_full_io_read_at(fd, out, 4, 8, &got), 0);
    EXPECT_EQ(got, 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 10);
    close(fd);
}

TEST(failures_say_why)
{
    char out[4];
    size_t got = 99;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    EXPECT_EQ(bit_full_io_write(full, "a", 1), -ENOSPC);
    EXPECT_EQ(bit_full_io_read(folder, out, sizeof out, &got), -EISDIR);
    EXPECT_EQ(got, 0);
    got = 99;
    EXPECT_EQ(bit_full_io_read_at(folder, out, sizeof out, 0, &got), -EISDIR);
    EXPECT_EQ(got, 0);
    close(full);
    close(folder);
}

TEST_MAIN
