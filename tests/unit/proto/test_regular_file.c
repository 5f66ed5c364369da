#include "proto/regular_file.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/err.h"
#include "tests/test.h"

static char path[400];

static const char *at(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

static void expect_refused(const char *name, const char *says)
{
    struct stat st;

    EXPECT_EQ(bit_regular_file_open(at(name), true, &st), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), says);
}

TEST(what_is_no_file_is_not_waited_for)
{
    EXPECT_EQ(mkfifo(at("fifo"), 0600), 0);
    EXPECT_EQ(mkdir(at("folder"), 0700), 0);
    EXPECT_EQ(symlink("/dev/zero", at("device")), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at("socket"));
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listening, (const struct sockaddr *)&address, sizeof address), 0);
    expect_refused("fifo", "a FIFO");
    expect_refused("folder", "a folder");
    expect_refused("device", "a device");
    expect_refused("socket", "a socket");
    close(listening);
}

TEST(a_file_is_opened_and_known_again)
{
    struct stat st, other;

    test_write_text(at("file"), "");
    int fd = bit_regular_file_open(at("file"), false, &st);
    EXPECT(fd >= 0);
    close(fd);
    const struct bit_file_id id = {.device = st.st_dev, .inode = st.st_ino};
    EXPECT(bit_file_id_is(&id, &st));
    EXPECT_EQ(stat(test_folder(), &other), 0);
    EXPECT(!bit_file_id_is(&id, &other));
    EXPECT_EQ(symlink("file", at("link")), 0);
    EXPECT_EQ(bit_regular_file_open(at("link"), false, &st), -ELOOP);
    fd = bit_regular_file_open(at("link"), true, &st);
    EXPECT(fd >= 0);
    close(fd);
    EXPECT_EQ(bit_regular_file_open(at("none"), true, &st), -ENOENT);
}

TEST(a_file_is_read_whole_or_not_at_all)
{
    struct stat st;
    uint8_t *out = NULL;
    size_t bytes = 0;

    test_write_text(at("text"), "hello");
    int fd = bit_regular_file_open(at("text"), false, &st);
    EXPECT_EQ(bit_regular_file_read(fd, "text", &st, 4, &out, &bytes), BIT_ELIMIT);
    EXPECT(out == NULL);
    EXPECT_EQ(bit_regular_file_read(fd, "text", &st, 5, &out, &bytes), 0);
    EXPECT_EQ(bytes, 5u);
    EXPECT_STREQ((char *)out, "hello");
    free(out);
    st.st_size = 6; /* it has shrunk since */
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(bit_regular_file_read(fd, "text", &st, 6, &out, &bytes), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "'text' at byte 5 of 6");
    close(fd);
}

TEST_MAIN
