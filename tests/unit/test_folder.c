/* The temporary folders of tests (tests/folder.h). Names of this file's mkdtemp end in X, as 1 in 62 of libc's do. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/test.h"

static int made;

/* Five digits in base 36, unique to this process: other tests of this program may run at the same time. */
static void name_end(char *end)
{
    static unsigned count;
    unsigned n = (unsigned)getpid() * 977u + count++ % 977u;

    for (int i = 0; i < 5; i++, n /= 36)
        end[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36];
    end[5] = 'X';
}

char *mkdtemp(char *path)
{
    int err;

    made++;
    do {
        name_end(path + strlen(path) - 6);
        err = mkdir(path, 0700);
    } while (err < 0 && errno == EEXIST);
    return err < 0 ? NULL : path;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

TEST(the_shared_folder_is_made_once)
{
    const char *first = test_folder();

    EXPECT(is_there(first));
    EXPECT_EQ(first[strlen(first) - 1], 'X');
    EXPECT_EQ(test_folder(), first);
    EXPECT_EQ(made, 1);
    EXPECT_EQ(strncmp(test_path("name"), first, strlen(first)), 0);
    EXPECT_STREQ(test_path("name") + strlen(first), "/name");
}

TEST(another_folder_is_another_until_it_is_removed)
{
    char path[64];

    snprintf(path, sizeof path, "%s", test_folder_new());
    EXPECT(is_there(path));
    EXPECT(strcmp(path, test_folder()) != 0);
    test_folder_remove(path);
    EXPECT(!is_there(path));
    EXPECT(is_there(test_folder()));
}

TEST(there_is_no_end_of_folders_that_are_removed)
{
    for (int i = 0; i < 3 * TEST_FOLDERS_MAX; i++)
        test_folder_remove(test_folder_new());
    EXPECT(is_there(test_folder()));
}

/* Runs `body` in a child with a folder of its own. Returns its exit code, or minus the signal that ended it. */
static int run_program(void (*body)(void), char folder[64])
{
    int ends[2], status = -1;

    fflush(NULL);
    if (!EXPECT_EQ(pipe(ends), 0))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        test_folders = (struct test_folders){.owner = 0};
        if (write(ends[1], test_folder(), sizeof test_folders.path[0]) < 0)
            _exit(99);
        body();
        exit(test_state.failures > 0);
    }
    close(ends[1]);
    EXPECT_EQ(read(ends[0], folder, 64), 64);
    close(ends[0]);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char outside[256];

static void fill(void)
{
    test_write_text(test_path("file"), "");
    EXPECT_EQ(mkdir(test_path("a"), 0700), 0);
    EXPECT_EQ(mkdir(test_path("a/b"), 0700), 0);
    test_write_text(test_path("a/b/file"), "");
    EXPECT_EQ(symlink(outside, test_path("a/link")), 0);
}

TEST(all_of_it_is_gone_after_the_program_and_nothing_else)
{
    char folder[64];

    snprintf(outside, sizeof outside, "%s", test_path("outside"));
    EXPECT_EQ(mkdir(outside, 0700), 0);
    test_write_text(test_path("outside/file"), "");
    EXPECT_EQ(run_program(fill, folder), 0);
    EXPECT(!is_there(folder));
    EXPECT(is_there(test_path("outside/file")));
}

static void fork_one_that_exits(void)
{
    int status = -1;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0)
        exit(0);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT(is_there(test_folder()));
}

TEST(a_child_of_the_program_removes_nothing)
{
    char folder[64];

    EXPECT_EQ(run_program(fork_one_that_exits, folder), 0);
    EXPECT(!is_there(folder));
}

TEST_MAIN
