/* Failures of the launcher are reported as such, with the launcher's own text; and what sbatch refuses. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char setting[160];

static void write_script(const char *name, const char *body)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s", f.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    dprintf(fd, "#!/bin/sh\n%s\n", body);
    close(fd);
}

static void expect_reason(const char *run, const char *const *says, size_t count)
{
    Bit__RunStatus *status = fix_status(&f, run);

    for (size_t i = 0; status != NULL && i < count; i++)
        EXPECT_CONTAINS(status->reason, says[i]);
    EXPECT(status != NULL && strstr(status->reason, "data show") == NULL);
    bit_msg_free(status);
}

TEST(a_launcher_that_fails_says_why)
{
    static const char *const says[] = {"/mpirun ended with exit code 3 before any rank connected: no host n7 is known",
                                       "see logs/worker-1.log"};
    char run[32];

    fix_init(&f);
    write_script("mpirun", "echo starting; echo 'no host n7 is known' >&2; echo -----; exit 3");
    snprintf(setting, sizeof setting, "mpirun=%s/mpirun", f.dir);
    f.args[0] = "--set";
    f.args[1] = setting;
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.max_restarts=0", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_LAUNCH);
    expect_reason(run, says, BIT_COUNT(says));
    fix_finish(&f);
}

/* The reason names the step's documents if the rank died in the step, but not if the step hung. */
TEST(documents_are_named_for_what_ends_a_rank_in_a_step)
{
    static const char *const at[] = {"FAKE_HANG_AT", "FAKE_DIE_AT"};
    char run[32];

    for (int i = 0; i < 2; i++) {
        fix_init(&f);
        setenv(at[i], "7", 1);
        f.args[0] = "--set";
        f.args[1] = "stall_timeout=0.5";
        f.args[2] = "--set";
        f.args[3] = "long_timeout=5";
        if (!fix_start(&f))
            return;
        fix_submit(&f, "launch.max_restarts=1", run);
        EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
        Bit__RunStatus *status = fix_status(&f, run);
        if (status != NULL) {
            EXPECT_EQ(strstr(status->reason, "`bitctl data show r1 --step 8`") != NULL, i == 1);
            EXPECT(strstr(status->reason, "no step gained in 2 launches") > status->reason + 10); /* after the cause */
        }
        bit_msg_free(status);
        fix_finish(&f);
    }
}

/* Slurm commands in a folder of their own; sbatch is this script. */
static bool start_with_slurm(const char *sbatch)
{
    fix_init(&f);
    write_script("sbatch", sbatch);
    write_script("srun", "exit 0");
    write_script("scancel", "exit 0");
    write_script("squeue", "exit 0");
    snprintf(setting, sizeof setting, "slurm=%s", f.dir);
    f.args[0] = "--set";
    f.args[1] = setting;
    f.args[2] = "--set";
    f.args[3] = "slurm_poll=0.1";
    f.args[4] = "--set";
    f.args[5] = "listen=127.0.0.1:0";
    return fix_start(&f);
}

static const char by_sbatch[] = "launch.launcher=SBATCH\nlaunch.slurm.nodes=1";

TEST(what_sbatch_would_refuse_is_not_submitted)
{
    char text[1024];

    if (!start_with_slurm("echo 'allocation failure: Invalid account' >&2; exit 1"))
        return;
    EXPECT_EQ(fix_submit_refused(&f, by_sbatch, text, sizeof text), BIT_EXIT_SPEC);
    EXPECT_CONTAINS(text, "launch.slurm: sbatch refuses it: Invalid account");
    fix_finish(&f);
}

TEST(what_sbatch_refuses_after_all_is_told_once)
{
    static const char *const says[] = {"sbatch refused: Invalid account"};
    char run[32];

    if (!start_with_slurm("case \"$*\" in *--test-only*) exit 0;; esac\n"
                          "echo 'sbatch: error: Batch job submission failed: Invalid account' >&2; exit 1"))
        return;
    fix_submit(&f, by_sbatch, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_LAUNCH);
    expect_reason(run, says, BIT_COUNT(says));
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LOST), 0);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 0);
    fix_events_free(&e);
    fix_finish(&f);
}

/* The controller is unreachable or a limit is reached: bitd retries until sbatch accepts or refuses the job. */
TEST(what_sbatch_does_not_take_just_now_waits)
{
    char run[32], path[160];
    bool waits = false;

    if (!start_with_slurm(
            "case \"$*\" in *--test-only*) exit 0;; esac\n"
            "[ -e $(dirname $0)/back ] || { echo 'sbatch: error: Batch job submission failed: Unable to contact "
            "slurm controller' >&2; exit 1; }\n"
            "echo 'sbatch: error: Invalid account' >&2; exit 1"))
        return;
    fix_submit(&f, by_sbatch, run);
    while (!waits) { /* polls: the reason changes without an event */
        Bit__RunStatus *status = fix_status(&f, run);
        if (!EXPECT(status != NULL && status->state == BIT__RUN_STATE__STARTING))
            return;
        waits = strstr(status->reason, "sbatch does not take it yet: Unable to contact slurm controller") != NULL;
        bit_msg_free(status);
        usleep(1000);
    }
    snprintf(path, sizeof path, "%s/back", f.dir);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_LAUNCH); /* bitd retried and got the refusal */
    fix_finish(&f);
}

TEST_MAIN
