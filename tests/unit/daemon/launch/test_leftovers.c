#include "daemon/launch/leftovers.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

static pid_t begin_rank(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void end_rank(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* As LLVM's OpenMP names it. */
static const char *name_of(pid_t pid)
{
    static char path[64];

    snprintf(path, sizeof path, "/dev/shm/__KMP_REGISTERED_LIB_%d_%u", (int)pid, (unsigned)geteuid());
    return path;
}

TEST(the_openmp_file_of_a_dead_rank_is_removed)
{
    struct bit_leftovers r = {0};
    pid_t pid[3]; /* two ranks, and a process that was not noted */

    for (int i = 0; i < 3; i++) {
        pid[i] = begin_rank();
        test_write_text(name_of(pid[i]), "");
    }
    for (int i = 0; i < 2; i++)
        bit_leftovers_note(&r, pid[i]);
    bit_leftovers_note(&r, pid[0]);
    end_rank(pid[0]);
    end_rank(pid[2]);
    bit_leftovers_remove(&r, 2);
    EXPECT(access(name_of(pid[0]), F_OK) < 0);
    EXPECT_EQ(access(name_of(pid[1]), F_OK), 0); /* it is alive */
    EXPECT_EQ(access(name_of(pid[2]), F_OK), 0);
    end_rank(pid[1]);
    for (int i = 1; i < 3; i++)
        unlink(name_of(pid[i]));
}

TEST_MAIN
