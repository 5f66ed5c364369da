/* Only one bitd can use a state folder or a socket; and invalid names of sockets. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static bool log_says(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "grep -q -- '%s' %s", what, f.log);
    return system(command) == 0;
}

TEST(the_state_folder_is_one_daemons)
{
    char other[128];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    snprintf(other, sizeof other, "%s/other.sock", f.dir);
    f.args[0] = "--socket";
    f.args[1] = other;
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_TRYAGAIN);
    EXPECT(log_says("another bitd has the state folder"));
    f.args[0] = NULL;
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL); /* its lock ends with it; the next bitd replaces its socket */
    EXPECT(fix_start(&f));
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT(access(f.socket, F_OK) != 0);
    fix_finish(&f);
}

TEST(the_socket_is_one_daemons)
{
    char other[128];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    snprintf(other, sizeof other, "%s/other", f.dir);
    f.args[0] = "--state";
    f.args[1] = other;
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_TRYAGAIN);
    EXPECT(log_says("another bitd answers there"));
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    bit_msg_free(fix_expect(&f, BIT_MSG_VERSION_REQUEST, &m, BIT_MSG_VERSION_REPLY)); /* the first one still answers */
    fix_finish(&f);
}

TEST(a_file_in_the_sockets_place_stays)
{
    char path[128];

    fix_init(&f);
    snprintf(path, sizeof path, "%s/precious", f.dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    f.args[0] = "--socket";
    f.args[1] = path;
    EXPECT(fix_start_refused(&f) > 0);
    EXPECT_EQ(access(path, F_OK), 0);
    fix_finish(&f);
}

TEST(a_name_too_long_for_a_socket_is_refused)
{
    char path[256];

    fix_init(&f);
    snprintf(path, sizeof path, "%s/%0150d", f.dir, 0);
    f.args[0] = "--socket";
    f.args[1] = path;
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_USAGE);
    EXPECT(log_says("choose a shorter one"));
    fix_finish(&f);
}

TEST(settings_are_checked)
{
    char path[128];

    fix_init(&f);
    snprintf(path, sizeof path, "%s/bitd.conf", f.dir);
    FILE *file = fopen(path, "we");
    fputs("# ours\nslots = 2\nlookahed = 3\n", file);
    fclose(file);
    f.args[0] = "--config";
    f.args[1] = path;
    EXPECT(fix_start_refused(&f) > 0);
    EXPECT(log_says("bitd.conf:3: there is no setting .lookahed.; did you mean .lookahead."));
    f.args[0] = "--slots";
    f.args[1] = "0";
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_USAGE);
    EXPECT(log_says("a number from 1 to 1024"));
    fix_finish(&f);
}

TEST_MAIN
