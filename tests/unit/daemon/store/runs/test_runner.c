/* A runner and its journal, in a daemon without clients. */
#include "daemon/store/runs/runner.h"

#include <sys/stat.h>
#include <unistd.h>

#include "daemon/client/query/status.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/folder.h"
#include "tests/spec_of.h"
#include "tests/test.h"

static uv_loop_t loop;
static struct bit_config config;
static const struct bit_env env = {.loop = &loop, .config = &config};
static struct bit_runs runs;

static void ignore(void *owner, struct bit_runner *r)
{
}

static void ignore_end(void *owner, struct bit_runner *r, int err, const char *why)
{
}

static const struct bit_runner_ops ops = {
    .changed = ignore, .blocked = ignore, .unblocked = ignore, .unwritable = ignore_end};

static void begin(const char *state)
{
    char path[BIT_CONFIG_PATH_MAX + 16];

    config = (struct bit_config){0};
    bit_runs_init(&runs, &env, &ops, NULL);
    snprintf(config.state, sizeof config.state, "%s", test_path(state));
    snprintf(path, sizeof path, "%s/runs", config.state);
    EXPECT_EQ(mkdir(config.state, 0700), 0);
    EXPECT_EQ(mkdir(path, 0700), 0);
    EXPECT_EQ(uv_loop_init(&loop), 0);
}

static void end(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
}

static Bit__RunSpec *make_spec(void)
{
    return test_spec_normalised("model { preset: 'olmo_20m' } data { train: '/a' }", "/");
}

static struct bit_runner *submitted(void)
{
    struct bit_runner *r = NULL;
    Bit__RunSubmitted m = BIT__RUN_SUBMITTED__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;

    m.run = (char *)(uintptr_t) "r1";
    m.request_id = (char *)(uintptr_t) "one";
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SUBMITTED;
    record.submitted = &m;
    if (!EXPECT_EQ(bit_runner_create(&runs, 1, make_spec(), &r), 0))
        exit(1);
    EXPECT_EQ(bit_runner_try_record(r, &record), 0);
    return r;
}

static void record_slurm(struct bit_runner *r, char *reason)
{
    Bit__SlurmJob m = BIT__SLURM_JOB__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;

    m.job = 7;
    m.state = (char *)(uintptr_t) "PENDING";
    m.reason = reason;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SLURM;
    record.slurm = &m;
    bit_runner_record(r, &record);
}

TEST(a_record_that_is_too_large_fails_its_run)
{
    static char large[BIT_JOURNAL_RECORD_MAX + 1];
    struct bit_runner *r, *again = NULL;

    memset(large, 'n', sizeof large - 1);
    begin("large");
    r = submitted();
    record_slurm(r, large);
    EXPECT_EQ(r->run.state, BIT__RUN_STATE__FAILED);
    EXPECT_CONTAINS(r->run.reason, "cannot be journalled: a journal record of 65");
    uint64_t seq = r->journal.seq;
    record_slurm(r, (char *)(uintptr_t) "later"); /* nothing is recorded after the end */
    bit_runner_set_state(r, BIT__RUN_STATE__RESTARTING, "later");
    EXPECT_EQ(r->journal.seq, seq);
    EXPECT_EQ(r->run.state, BIT__RUN_STATE__FAILED);
    bit_runner_destroy(r);
    if (EXPECT_EQ(bit_runner_load(&runs, 1, &again), 0)) {
        EXPECT(!again->corrupt);
        EXPECT_EQ(again->run.state, BIT__RUN_STATE__FAILED);
        EXPECT_CONTAINS(again->run.reason, "cannot be journalled");
        bit_runner_destroy(again);
    }
    end();
}

TEST(a_status_that_nobody_would_take_is_known)
{
    struct bit_status status;
    char broken[] = "caf\xe9";

    begin("status");
    struct bit_runner *r = submitted();
    EXPECT_EQ(bit_status_init(&status, r, 0), 0);
    EXPECT_EQ(bit_status_check(&status.message), 0);
    status.message.backend = broken; /* sent as "caf?" */
    EXPECT_EQ(bit_status_check(&status.message), 0);
    status.message.strength = NAN;
    EXPECT_EQ(bit_status_check(&status.message), BIT_EMESSAGE);
    bit_status_finish(&status);
    bit_runner_destroy(r);
    end();
}

TEST_MAIN
