/* bitd stays reachable: a socket in the state folder, removed sockets are made again, paths may have any length. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/socket_path.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static bool log_says(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "grep -q -- '%s' %s", what, f.log);
    return system(command) == 0;
}

static bool can_connect(const char *path)
{
    struct bit_socket_path to;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bit_socket_path_init(path, &to) < 0)
        return close(fd), false;
    const bool is = connect(fd, (const struct sockaddr *)&to.address, sizeof to.address) == 0;
    bit_socket_path_finish(&to);
    close(fd);
    return is;
}

/* Polls until the socket exists again: nothing signals it. */
static bool comes_back(const char *path)
{
    for (int i = 0; i < 10 * FIX_ANSWER_S; i++) {
        if (can_connect(path))
            return true;
        usleep(100000);
    }
    return false;
}

/* Start bitd with a socket outside the state folder, as in a login session. */
static bool start_with_session(char *session, char *usual, size_t room)
{
    fix_init(&f);
    snprintf(session, room, "%s/session", f.dir);
    snprintf(usual, room, "%s/session/bitd.sock", f.dir);
    mkdir(session, 0700);
    f.args[0] = "--socket";
    f.args[1] = usual;
    return fix_start(&f);
}

static int bitctl(const char *words, char *out, size_t room)
{
    char command[1024];

    snprintf(command, sizeof command, "env -u BITD_SOCKET $(dirname %s)/../ctl/bitctl %s 2>&1", BITD_PATH, words);
    FILE *pipe = popen(command, "re");
    size_t n = fread(out, 1, room - 1, pipe);
    out[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(the_state_folder_has_a_socket_too)
{
    char session[128], usual[128], out[1024], words[256];

    if (!start_with_session(session, usual, sizeof usual))
        return;
    EXPECT(can_connect(usual));
    EXPECT(can_connect(f.socket));
    snprintf(words, sizeof words, "version --state %s", f.state);
    EXPECT_EQ(bitctl(words, out, sizeof out), 0);
    EXPECT_CONTAINS(out, usual);
    EXPECT_CONTAINS(out, f.socket);
    snprintf(words, sizeof words, "ps --socket %s", f.state); /* a folder means the socket in it */
    EXPECT_EQ(bitctl(words, out, sizeof out), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT(access(usual, F_OK) != 0);
    EXPECT(access(f.socket, F_OK) != 0);
    fix_finish(&f);
}

/* Logging out removes sockets like this. */
TEST(sockets_that_are_gone_are_made_again)
{
    char session[128], usual[128];

    if (!start_with_session(session, usual, sizeof usual))
        return;
    EXPECT_EQ(unlink(usual), 0);
    EXPECT_EQ(rmdir(session), 0);
    EXPECT_EQ(unlink(f.socket), 0);
    EXPECT(comes_back(f.socket));
    EXPECT_EQ(mkdir(session, 0700), 0);
    EXPECT(comes_back(usual));
    fix_finish(&f);
}

static bool is_healthy(const char *path)
{
    static const char question[] = "GET /healthz HTTP/1.0\r\n\r\n";
    char answer[512] = "";
    size_t bytes = 0;
    struct bit_socket_path to;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT_EQ(bit_socket_path_init(path, &to), 0);
    EXPECT_EQ(connect(fd, (const struct sockaddr *)&to.address, sizeof to.address), 0);
    bit_socket_path_finish(&to);
    EXPECT_EQ(write(fd, question, sizeof question - 1), (ssize_t)sizeof question - 1);
    for (ssize_t n; bytes < sizeof answer - 1 && (n = read(fd, answer + bytes, sizeof answer - 1 - bytes)) > 0;)
        bytes += (size_t)n;
    close(fd);
    return strstr(answer, "\r\nok\n") != NULL || strstr(answer, "\r\n\r\nok\n") != NULL;
}

TEST(the_metrics_socket_is_made_again)
{
    char folder[128], metrics[160], setting[192];

    fix_init(&f);
    snprintf(folder, sizeof folder, "%s/http", f.dir);
    snprintf(metrics, sizeof metrics, "%s/m.sock", folder);
    snprintf(setting, sizeof setting, "metrics=%s", metrics);
    EXPECT_EQ(mkdir(folder, 0700), 0);
    f.args[0] = "--set";
    f.args[1] = setting;
    if (!fix_start(&f))
        return;
    EXPECT(is_healthy(metrics));
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(unlink(metrics), 0);
        if (!EXPECT(comes_back(metrics)))
            break;
        EXPECT(is_healthy(metrics));
    }
    EXPECT_EQ(unlink(metrics), 0); /* and its folder, as at the end of a session */
    EXPECT_EQ(rmdir(folder), 0);
    EXPECT_EQ(mkdir(folder, 0700), 0);
    EXPECT(comes_back(metrics) && is_healthy(metrics));
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT(access(metrics, F_OK) != 0);
    fix_finish(&f);
}

TEST(a_socket_of_another_stays)
{
    char session[128], usual[128];
    struct bit_socket_path to;

    if (!start_with_session(session, usual, sizeof usual))
        return;
    EXPECT_EQ(unlink(usual), 0);
    EXPECT_EQ(bit_socket_path_init(usual, &to), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool mine = bind(fd, (const struct sockaddr *)&to.address, sizeof to.address) == 0;
    fix_stop(&f, SIGTERM);
    if (mine) /* otherwise bitd had made its own again */
        EXPECT_EQ(access(usual, F_OK), 0);
    close(fd);
    fix_finish(&f);
}

TEST(without_a_session_the_default_folder_is_found)
{
    char out[1024], words[256], state[128];

    fix_init(&f);
    snprintf(state, sizeof state, "%s/bitd", f.dir);
    f.args[0] = "--state";
    f.args[1] = state;
    mkdir(f.state, 0700); /* for fixture's socket */
    if (!fix_start(&f))
        return;
    snprintf(words, sizeof words, "version --state %s/nowhere", f.dir);
    EXPECT_EQ(bitctl(words, out, sizeof out), BIT_EXIT_UNAVAILABLE);
    EXPECT_CONTAINS(out, "nowhere");
    setenv("XDG_STATE_HOME", f.dir, 1);
    setenv("XDG_RUNTIME_DIR", f.dir, 1);
    EXPECT_EQ(bitctl("version", out, sizeof out), 0);
    EXPECT_CONTAINS(out, state);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    fix_finish(&f);
}

/* A socket address has room for 107 bytes; workers, clients and bitd itself must work with longer paths. */
TEST(a_long_path_is_as_good_as_another)
{
    char state[400], run[32], words[512], out[1024];

    fix_init(&f);
    snprintf(state, sizeof state, "%s/%0200d/state", f.dir, 0);
    mkdir(f.state, 0700);
    f.args[0] = "--state";
    f.args[1] = state;
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    snprintf(words, sizeof words, "ps --all --state %s", state);
    EXPECT_EQ(bitctl(words, out, sizeof out), 0);
    EXPECT_CONTAINS(out, "completed");
    fix_finish(&f);
}

/* ---- the log */

static void wait_for_log(const char *path)
{
    while (access(path, F_OK) != 0) /* polls: nothing reports that bitd handled the signal */
        usleep(1000);
}

TEST(the_log_is_a_file_that_may_be_renamed)
{
    char path[128], old[160], command[512];

    fix_init(&f);
    snprintf(path, sizeof path, "%s/own.log", f.dir);
    snprintf(old, sizeof old, "%s.1", path);
    f.args[0] = "--log";
    f.args[1] = path;
    if (!fix_start(&f))
        return;
    EXPECT(!log_says("listening"));
    EXPECT_EQ(rename(path, old), 0);
    kill(f.bitd, SIGHUP);
    wait_for_log(path);
    fix_stop(&f, SIGTERM);
    snprintf(command, sizeof command, "grep -q listening %s && grep -q stopping %s && ! grep -q stopping %s", old, path,
             old);
    EXPECT_EQ(system(command), 0);
    fix_finish(&f);
}

TEST(a_log_that_cannot_be_opened_is_refused)
{
    fix_init(&f);
    f.args[0] = "--log";
    f.args[1] = "/nowhere/bitd.log";
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_CONFIG);
    EXPECT(log_says("the log /nowhere/bitd.log cannot be opened: No such file"));
    EXPECT(access(f.state, F_OK) != 0);
    fix_finish(&f);
}

/* bitd prints a refusal to stderr, too, not only to its log. */
TEST(a_refusal_is_told_beside_the_log)
{
    char path[128];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    snprintf(path, sizeof path, "%s/own.log", f.dir);
    f.args[0] = "--log";
    f.args[1] = path;
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_TRYAGAIN);
    EXPECT(log_says("another bitd has the state folder .*: process [0-9]* on .*bitctl version --state"));
    fix_finish(&f);
}

TEST_MAIN
