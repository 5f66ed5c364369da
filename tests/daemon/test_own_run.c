/* `bitd --run SPEC` trains SPEC and no other run of its state folder; and which runs it considers the same as SPEC. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char path[2][160];

static bool log_says(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "grep -q -- '%s' %s", what, f.log);
    return system(command) == 0;
}

static void write_spec(int which, const char *name, int steps)
{
    snprintf(path[which], sizeof path[which], "%s/%s.txtpb", f.dir, name);
    FILE *file = fopen(path[which], "we");
    fprintf(file,
            "model { layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 500 vocab_padded: 512 context: 16 }\n"
            "data { train: \"train.npy\" } batch { instances: 4 micro_instances: 1 }\n"
            "schedule { steps: %d peak_lr: 1e-3 warmup_steps: 2 } checkpoint { every: 4 }\n"
            "launch { ranks: 1 threads: 1 }\n",
            steps);
    fclose(file);
}

static void begin(void)
{
    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    write_spec(0, "first", 400);
    write_spec(1, "second", 8);
}

static bool start_with(const char *spec)
{
    f.args[0] = spec == NULL ? NULL : "--run";
    f.args[1] = spec;
    return fix_start(&f);
}

/* bitd's children, bitctl and the launcher, which would outlive a killed bitd. */
static int find_children(pid_t *pids, int max)
{
    char name[64];
    int count = 0;

    snprintf(name, sizeof name, "/proc/%d/task/%d/children", f.bitd, f.bitd);
    FILE *file = fopen(name, "re");
    while (file != NULL && count < max && fscanf(file, "%d", &pids[count]) == 1)
        count++;
    if (file != NULL)
        fclose(file);
    return count;
}

/* Start bitd with the first run and end it by SIGTERM, or by SIGKILL together with its children. */
static void leave_first(int signal)
{
    pid_t pids[16];

    if (!start_with(path[0]))
        return;
    while (fix_workers(&f, "r1", pids, 8) == 0) /* polls: nothing signals when bitctl has submitted it */
        usleep(1000);
    fix_wait_step(&f, "r1", 5);
    int count = signal == SIGKILL ? find_children(pids, 8) : 0;
    fix_stop(&f, signal);
    count += fix_workers(&f, "r1", pids + count, 8);
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
}

static void expect_state(const char *run, Bit__RunState state, uint64_t step_least)
{
    Bit__RunStatus *status = fix_status(&f, run);

    if (status != NULL) {
        EXPECT_EQ(status->state, state);
        EXPECT(status->step >= step_least);
    }
    bit_msg_free(status);
}

static void second_is_trained_alone(int signal)
{
    begin();
    leave_first(signal);
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), 0);
    EXPECT(log_says("in the folder, too run=r1 name=first"));
    if (start_with(NULL)) {
        expect_state("r2", BIT__RUN_STATE__COMPLETED, 8);
        Bit__RunStatus *first = fix_status(&f, "r1");
        EXPECT(first != NULL && first->step < 400);
        bit_msg_free(first);
        fix_wait_step(&f, "r1", 7); /* without --run bitd continues it */
    }
    fix_finish(&f);
}

TEST(another_run_of_the_folder_is_left_as_it_is)
{
    second_is_trained_alone(SIGTERM);
}

TEST(and_so_is_one_whose_bitd_was_killed)
{
    second_is_trained_alone(SIGKILL);
}

TEST(an_unfinished_run_of_the_same_specification_goes_on)
{
    begin();
    leave_first(SIGTERM);
    if (!start_with(path[0]))
        return;
    fix_wait_step(&f, "r1", 9);
    EXPECT(log_says("goes on run=r1 name=first state=queued"));
    fix_stop(&f, SIGTERM);
    if (start_with(NULL)) {
        Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
        char text[256];
        m.run = bit_lend("r2");
        EXPECT_EQ(fix_refused(&f, BIT_MSG_STATUS_REQUEST, &m, text, sizeof text), BIT_EXIT_NOT_FOUND);
    }
    fix_finish(&f);
}

TEST(an_edited_specification_is_another_run)
{
    begin();
    leave_first(SIGTERM);
    write_spec(0, "first", 12);
    if (!start_with(path[0]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), 0);
    if (start_with(NULL))
        expect_state("r2", BIT__RUN_STATE__COMPLETED, 12);
    fix_finish(&f);
}

TEST(a_completed_run_is_not_trained_again)
{
    begin();
    for (int time = 0; time < 2; time++) {
        if (!start_with(path[1]))
            return;
        EXPECT_EQ(fix_wait_exit(&f), 0);
    }
    EXPECT(log_says("trained already run=r1"));
    if (start_with(NULL)) {
        struct fix_events events;
        fix_events(&f, "r1", &events);
        EXPECT_EQ(fix_count(&events, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 1);
        fix_events_free(&events);
    }
    fix_finish(&f);
}

TEST(a_failed_run_goes_on)
{
    begin();
    write_spec(1, "second", 40);
    setenv("FAKE_FAIL_AT", "30", 1);
    setenv("FAKE_ERROR", "-5016", 1); /* BIT_ENUMERIC */
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), BIT_EXIT_POLICY);
    unsetenv("FAKE_FAIL_AT");
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), 0);
    EXPECT(log_says("goes on run=r1 name=second state=failed"));
    if (start_with(NULL)) {
        struct fix_events events;
        expect_state("r1", BIT__RUN_STATE__COMPLETED, 40);
        fix_events(&f, "r1", &events);
        const Bit__JournalRecord *launched = fix_last(&events, BIT__JOURNAL_RECORD__WHAT_LAUNCHED);
        if (launched != NULL)
            EXPECT_STREQ(launched->launched->restore, "step-00000028");
        fix_events_free(&events);
    }
    fix_finish(&f);
}

/* bitd exits instead of holding a batch job's nodes, and the run can still be trained later. */
TEST(a_run_that_cannot_be_launched_is_left)
{
    begin();
    f.args[2] = "--set";
    f.args[3] = "mpirun=/nowhere/mpirun";
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), BIT_EXIT_LAUNCH);
    EXPECT(log_says("error daemon: not launched here run=r1 text=./nowhere/mpirun: not found"));
    f.args[2] = NULL;
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), 0);
    if (start_with(NULL))
        expect_state("r1", BIT__RUN_STATE__COMPLETED, 8);
    fix_finish(&f);
}

static int ask_holds(const char *spec)
{
    f.args[0] = "--holds";
    f.args[1] = spec;
    return fix_start_refused(&f);
}

TEST(a_folder_tells_whether_it_holds_a_run)
{
    begin();
    EXPECT_EQ(ask_holds(path[1]), BIT_EXIT_FAILURE);
    EXPECT(access(f.state, F_OK) != 0); /* --holds creates nothing */
    if (!start_with(path[1]))
        return;
    EXPECT_EQ(fix_wait_exit(&f), 0);
    EXPECT_EQ(ask_holds(path[1]), 0);
    EXPECT_EQ(ask_holds(path[0]), BIT_EXIT_FAILURE);
    fix_finish(&f);
}

TEST_MAIN
