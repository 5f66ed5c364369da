#include "daemon/launch/launcher_log.h"

#include <string.h>

#include "tests/test.h"

TEST(names_the_rank_that_was_killed)
{
    struct bit_launcher_log b;

    EXPECT(bit_launcher_log_parse(
        "step 7\n--------\nPrimary job  terminated normally, but 1 process returned\n"
        "a non-zero exit code. Per user-direction, the job has been aborted.\n--------\n"
        "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed).\n",
        &b));
    EXPECT(b.has_rank);
    EXPECT_EQ(b.rank, 1u);
    EXPECT_EQ(b.signal, 9);
    EXPECT(!b.has_code);
}

TEST(has_the_last_words_of_a_launcher)
{
    char line[64];

    EXPECT(bit_launcher_log_last("one\nmpirun: no such host n7\n------\n\n  \n", line, sizeof line));
    EXPECT_STREQ(line, "mpirun: no such host n7");
    EXPECT(bit_launcher_log_last("only", line, sizeof line));
    EXPECT_STREQ(line, "only");
    EXPECT(!bit_launcher_log_last("", line, sizeof line));
    EXPECT(!bit_launcher_log_last("\n---\n", line, sizeof line));
}

TEST(names_the_rank_that_ended)
{
    struct bit_launcher_log b;

    EXPECT(
        bit_launcher_log_parse("mpirun detected that one or more processes exited with non-zero status, thus causing\n"
                               "the job to be terminated. The first process to do so was:\n\n"
                               "  Process name: [[13742,1],3]\n  Exit code:    77\n",
                               &b));
    EXPECT_EQ(b.rank, 3u);
    EXPECT(b.has_code);
    EXPECT_EQ(b.code, 77);
    EXPECT_EQ(b.signal, 0);
}

TEST(names_the_task_that_srun_told_of_first)
{
    struct bit_launcher_log b;

    EXPECT(bit_launcher_log_parse("srun: cluster configuration lacks support for cpu binding\n"
                                  "srun: error: n1: task 4: Segmentation fault (core dumped)\n"
                                  "srun: launch/slurm: _step_signal: Terminating StepId=5.0\n"
                                  "srun: error: n2: tasks 1-3,5: Killed\n",
                                  &b));
    EXPECT_EQ(b.rank, 4u);
    EXPECT_EQ(b.signal, 11);
    EXPECT(bit_launcher_log_parse(
        "srun: error: n[2-3]: tasks 1-2: Exited with exit code 3\nsrun: error: n1: task 0: Terminated\n", &b));
    EXPECT_EQ(b.rank, 1u);
    EXPECT(b.has_code);
    EXPECT_EQ(b.code, 3);
    EXPECT_EQ(b.signal, 0);
    EXPECT(!bit_launcher_log_parse("srun: error: Unable to create step for job 1: Invalid generic resource\n", &b));
    EXPECT(!bit_launcher_log_parse("srun: error: n1: task x: Killed\nsrun: error: n1: task", &b));
    EXPECT(!bit_launcher_log_parse("srun: error: n1: task 1: Nonsense\n", &b));
}

TEST(repeats_what_srun_complains_of)
{
    char says[256];

    EXPECT(
        bit_launcher_log_srun("srun: error: Couldn't find the specified plugin name for mpi/pmix looking at all files\n"
                              "srun: error: cannot find mpi plugin for mpi/pmix\n",
                              says, sizeof says));
    EXPECT_CONTAINS(says, "no PMIx plugin");
    EXPECT(bit_launcher_log_srun(
        "srun: error: Unable to confirm allocation for job 1: Invalid job id specified\nmore\n", says, sizeof says));
    EXPECT_STREQ(says, "srun: Unable to confirm allocation for job 1: Invalid job id specified");
    EXPECT(!bit_launcher_log_srun("srun: cluster configuration lacks support for cpu binding\n", says, sizeof says));
}

TEST(blames_nobody_without_words)
{
    struct bit_launcher_log b = {.rank = 99};

    EXPECT(!bit_launcher_log_parse("", &b));
    EXPECT(!bit_launcher_log_parse("noticed that process rank x exited on signal 9", &b));
    EXPECT(!bit_launcher_log_parse("noticed that process rank 0 exited on signal -11", &b));
    EXPECT(!bit_launcher_log_parse("noticed that process rank 0 exited on signal 0", &b));
    EXPECT(!bit_launcher_log_parse("noticed that process rank 0 exited on signal 4711", &b));
    EXPECT(!bit_launcher_log_parse("Process name: [[1,1],2]\n", &b));
    EXPECT(!bit_launcher_log_read("/nowhere", &b));
    EXPECT_EQ(b.rank, 99u);
}

static void add_host(void *arg, const char *host)
{
    strcat(strcat(arg, host), " ");
}

TEST(names_the_nodes_that_srun_did_not_reach)
{
    char hosts[128] = "", says[128];

    EXPECT(bit_launcher_log_unreached(
        "srun: cluster configuration lacks support for cpu binding\n"
        "srun: error: Task launch for StepId=2.1 failed on node n3: Communication connection failure\n"
        "srun: error: Task launch for StepId=2.1 failed on node n12: Communication connection failure\n"
        "srun: error: Application launch failed: Communication connection failure\n"
        "srun: error: n2: task 1: Killed\n",
        add_host, hosts, says, sizeof says));
    EXPECT_STREQ(hosts, "n3 n12 ");
    EXPECT_STREQ(says, "srun: Task launch for StepId=2.1 failed on node n3: Communication connection failure");
    hosts[0] = '\0';
    EXPECT(!bit_launcher_log_unreached("srun: error: n2: task 1: Killed\n", add_host, hosts, says, sizeof says));
    EXPECT(!bit_launcher_log_unreached("srun: error: Task launch for StepId=2.1 failed\n on node n3: no\n", add_host,
                                       hosts, says, sizeof says));
    EXPECT(!bit_launcher_log_unreached("srun: error: Task launch for StepId=2.1 failed on node ", add_host, hosts, says,
                                       sizeof says));
    EXPECT_STREQ(hosts, "");
}

TEST_MAIN
