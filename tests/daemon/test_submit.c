/* From a specification to a completed run; and specifications that bitd refuses at submission. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char text[4096];

TEST(trains_to_the_end)
{
    char run[32];
    uint64_t digest = 0;
    struct fix_events e;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "phases.switch.at_step=9", run);
    EXPECT_STREQ(run, "r1");
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__COMPLETED);
        EXPECT_EQ(status->step, 16);
        EXPECT_EQ(status->precision, BIT__PRECISION__TERNARY);
        EXPECT_EQ(status->checkpoint_step, 16);
        EXPECT_EQ(status->switch_after, 9);
        EXPECT(status->switched);
        EXPECT_STREQ(status->name, "small");
        EXPECT_EQ(status->weights_digest, digest);
    }
    bit_msg_free(status);
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_STEP), 16);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_SWITCHED), 1);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_CHECKPOINT), 5); /* 4 8 9 12 16 */
    for (size_t i = 0; i < e.count; i++)
        EXPECT_EQ(e.record[i]->seq, i + 1);
    fix_events_free(&e);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

/* keep_last=2 of 3 5 6 9 12 15 16, and always the one before the switch. */
TEST(keeps_the_checkpoints_it_should)
{
    char run[32], path[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "phases.switch.at_step=5\ncheckpoint.keep_last=2\ncheckpoint.every=3", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__CheckpointListRequest m = BIT__CHECKPOINT_LIST_REQUEST__INIT;
    m.run = run;
    Bit__CheckpointListReply *reply = fix_expect(&f, BIT_MSG_CHECKPOINT_LIST_REQUEST, &m,
                                                 BIT_MSG_CHECKPOINT_LIST_REPLY);
    static const uint64_t kept[] = {5, 15, 16};
    if (reply != NULL && EXPECT_EQ(reply->n_checkpoint, 3))
        for (size_t i = 0; i < 3; i++) {
            EXPECT_EQ(reply->checkpoint[i]->step, kept[i]);
            EXPECT_EQ(reply->checkpoint[i]->pre_switch, kept[i] == 5);
            EXPECT_EQ(access(reply->checkpoint[i]->path, F_OK), 0);
        }
    bit_msg_free(reply);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0); /* waits for the thread pool, where folders are removed */
    EXPECT(access(fix_path(&f, run, "checkpoints/step-00000003", path, sizeof path), F_OK) != 0);
    fix_finish(&f);
}

TEST(the_same_request_makes_one_run)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    m.spec = fix_spec(&f, NULL);
    m.request_id = bit_lend("once");
    for (int i = 0; i < 3; i++) {
        if (i == 2) { /* also after a restart */
            fix_stop(&f, SIGKILL);
            fix_start(&f);
        }
        Bit__SubmitReply *reply = fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_SUBMIT_REPLY);
        if (reply != NULL)
            EXPECT_STREQ(reply->run, "r1");
        bit_msg_free(reply);
    }
    EXPECT_EQ(fix_wait_end(&f, "r1", NULL), 0);
    bit_msg_free(m.spec);
    fix_finish(&f);
}

TEST(shows_what_a_dry_run_would_do)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    m.spec = fix_spec(&f, "phases.switch.at_step=8\nphases.switch.ramp_steps=4");
    m.request_id = bit_lend("dry");
    m.has_dry_run = m.dry_run = true;
    Bit__DryRunReply *reply = fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_DRY_RUN_REPLY);
    if (reply != NULL) {
        EXPECT_EQ(reply->instances, FIX_TOKENS / 16);
        EXPECT_EQ(reply->step_tokens, 4 * 16);
        EXPECT_EQ(reply->total_tokens, 16 * 4 * 16);
        EXPECT_NEAR(reply->epochs, 16.0 / (FIX_TOKENS / 64), 1e-12);
        /* embedding 512 x 32, tied; a block: 96 x 32, 32 x 32, 128 x 32, 32 x 64 */
        EXPECT_EQ(reply->linear_parameters, 3072 + 1024 + 4096 + 2048);
        EXPECT_EQ(reply->parameters, 16384 + reply->linear_parameters);
        EXPECT_EQ(reply->memory->total, 1 << 20);
        if (EXPECT_EQ(reply->n_warning, 1)) /* the tests' token files have none */
            EXPECT_CONTAINS(reply->warning[0]->text, "no dataset.json beside");
        static const uint64_t steps[] = {1, 2, 8, 9, 10, 11, 12, 16};
        if (EXPECT_EQ(reply->n_point, 8))
            for (size_t i = 0; i < 8; i++)
                EXPECT_EQ(reply->point[i]->step, steps[i]);
    }
    bit_msg_free(reply);
    bit_msg_free(m.spec);
    Bit__ListRequest all = BIT__LIST_REQUEST__INIT;
    all.has_all = all.all = true;
    Bit__ListReply *list = fix_expect(&f, BIT_MSG_LIST_REQUEST, &all, BIT_MSG_LIST_REPLY);
    if (list != NULL)
        EXPECT_EQ(list->n_run, 0);
    bit_msg_free(list);
    fix_finish(&f);
}

TEST(a_missing_worker_is_a_warning_of_a_dry_run)
{
    fix_init(&f);
    f.args[0] = "--worker";
    f.args[1] = "/nowhere/bitworker";
    if (!fix_start(&f))
        return;
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    m.spec = fix_spec(&f, NULL);
    m.request_id = bit_lend("dry");
    m.has_dry_run = m.dry_run = true;
    Bit__DryRunReply *reply = fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_DRY_RUN_REPLY);
    if (reply != NULL && EXPECT_EQ(reply->n_warning, 2))
        EXPECT_CONTAINS(reply->warning[0]->text, "/nowhere/bitworker");
    bit_msg_free(reply);
    bit_msg_free(m.spec);
    fix_finish(&f);
}

TEST(refuses_what_cannot_work)
{
    fix_init(&f);
    setenv("FAKE_MEMORY", "3221225472", 1); /* 3 GiB */
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_submit_refused(&f, "schedule.steps=0\nbatch.instances=3\nlaunch.ranks=2", text, sizeof text),
              BIT_EXIT_SPEC);
    EXPECT_CONTAINS(text, "schedule.steps");
    EXPECT_CONTAINS(text, "ranks");
    EXPECT_EQ(fix_submit_refused(&f, "quantizer.preset=b159", text, sizeof text), BIT_EXIT_SPEC);
    EXPECT_CONTAINS(text, "b158");
    EXPECT_EQ(fix_submit_refused(&f, "launch.memory_gib=2", text, sizeof text), bit_exit_code(BIT_EMEMORY));
    EXPECT_CONTAINS(text, "3072 MiB");
    EXPECT_CONTAINS(text, "2048 MiB");
    EXPECT_EQ(access("/dev/null/none", F_OK), -1);
    EXPECT(fix_submit_refused(&f, "model.init_from=/nowhere/step-00000001", text, sizeof text) > 0);
    EXPECT_CONTAINS(text, "/nowhere/step-00000001");
    fix_finish(&f);
}

/* The run's folder has scalars for TensorBoard and a log; only the owner can read it. */
TEST(leaves_the_files_it_should)
{
    char run[32], path[256], line[512];
    struct stat st;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(stat(fix_path(&f, run, "journal", path, sizeof path), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600);
    EXPECT_EQ(stat(f.state, &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0700);
    EXPECT_EQ(stat(f.socket, &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600);
    snprintf(line, sizeof line, "test $(stat -c %%s %s/runs/%s/events.out.tfevents.*.*.*) -gt 1000", f.state, run);
    EXPECT_EQ(system(line), 0);
    Bit__LogRequest m = BIT__LOG_REQUEST__INIT;
    m.run = run;
    Bit__LogReply *reply = fix_expect(&f, BIT_MSG_LOG_REQUEST, &m, BIT_MSG_LOG_REPLY);
    if (reply != NULL)
        EXPECT_MEMEQ(reply->text.data, "fake worker of launch 1\n", 24);
    bit_msg_free(reply);
    fix_finish(&f);
}

TEST_MAIN
