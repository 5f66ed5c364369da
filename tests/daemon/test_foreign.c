/*
 * bitd loads only the run's own checkpoints. Each test forges a checkpoint that is complete and claims to be this
 * run's; the run must end with the weights of an undisturbed one.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;

/* ---- forging */

typedef void alter(Bit__Manifest *m);

static void set_text(char **field, const char *text)
{
    if (*field != bit_lend(protobuf_c_empty_string))
        free(*field);
    *field = text ? strdup(text) : NULL;
}

/* Alter the manifest of a checkpoint and write it with a valid checksum. */
static void forge(const char *run, const char *name, alter *change)
{
    char below[64], path[256];
    Bit__Manifest *m = NULL;

    snprintf(below, sizeof below, "checkpoints/%s", name);
    if (!EXPECT_EQ(bit_manifest_read(fix_path(&f, run, below, path, sizeof path), &m), 0))
        return;
    change(m);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    EXPECT_EQ(bit_manifest_write(fd, m), 0);
    close(fd);
    bit_msg_free(m);
}

static void name_r1(Bit__Manifest *m)
{
    set_text(&m->run, "r1");
}

static void forget_identity(Bit__Manifest *m)
{
    set_text(&m->identity, NULL);
}

static void move_to_step_13(Bit__Manifest *m)
{
    m->step = 13;
}

static void move_unnamed_to_step_13(Bit__Manifest *m)
{
    move_to_step_13(m);
    forget_identity(m);
}

/* Change the weights in step 12's file, and their checksum and digest in the manifest. */
static void alter_weights(Bit__Manifest *m)
{
    char path[256];
    uint64_t data[8];
    int fd = open(fix_path(&f, "r1", "checkpoints/step-00000012/model.safetensors", path, sizeof path),
                  O_RDWR | O_CLOEXEC);

    EXPECT_EQ(pread(fd, data, sizeof data, 0), (ssize_t)sizeof data);
    data[0] ^= 1;
    EXPECT_EQ(pwrite(fd, data, sizeof data, 0), (ssize_t)sizeof data);
    close(fd);
    m->file[0]->chunk_crc[0] = bit_crc32c(0, data, sizeof data);
    m->weights_digest = data[0];
}

static void copy_checkpoint(const char *from_run, const char *from, const char *to_run, const char *to)
{
    char command[512];

    snprintf(command, sizeof command,
             "rm -rf '%s/runs/%s/checkpoints/%s' && cp -a '%s/runs/%s/checkpoints/%s' '%s/runs/%s/checkpoints/%s'",
             f.state, to_run, to, f.state, from_run, from, f.state, to_run, to);
    EXPECT_EQ(system(command), 0);
}

/* ---- a run, cut off after step 13 */

static void kill_all(const char *run)
{
    pid_t pids[16];

    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    for (int i = fix_workers(&f, run, pids, 16); i-- > 0;)
        kill(pids[i], SIGKILL);
}

static bool begin(void)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_HANG_AT", "13", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 13);
    kill_all(run);
    unsetenv("FAKE_HANG_AT");
    return true;
}

/* The same, and a completed run r2 with other weights. */
static bool begin_beside_another(void)
{
    char run[32];

    if (!begin())
        return false;
    char held[256], away[256];
    fix_path(&f, "r1", "", held, sizeof held);
    snprintf(away, sizeof away, "%s/r1", f.dir);
    held[strlen(held) - 1] = '\0';
    EXPECT_EQ(rename(held, away), 0); /* so that bitd does not continue it yet */
    EXPECT_EQ(mkdir(held, 0700), 0);
    char path[256];
    EXPECT_EQ(mkdir(fix_path(&f, "r1", "checkpoints", path, sizeof path), 0700), 0);
    EXPECT_EQ(mkdir(fix_path(&f, "r1", "checkpoints/x", path, sizeof path), 0700), 0);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, "model.init_seed=8", run);
    EXPECT_STREQ(run, "r2");
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s' && mv '%s' '%s'", held, away, held);
    EXPECT_EQ(system(command), 0);
    return true;
}

static void expect_undisturbed(void)
{
    uint64_t digest = 0;

    EXPECT_EQ(fix_wait_end(&f, "r1", &digest), 0);
    EXPECT_EQ(digest, fix_undisturbed(NULL));
}

/* The checkpoint is set aside, the reason is in the journal and the status, and the next launch restores `restored`. */
static void expect_set_aside(const char *name, const char *why, const char *restored)
{
    struct fix_events e;
    char below[64], path[256];

    fix_events(&f, "r1", &e);
    const Bit__JournalRecord *bad = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_BAD);
    if (EXPECT(bad != NULL)) {
        EXPECT_STREQ(bad->bad->name, name);
        EXPECT_CONTAINS(bad->bad->text, why);
    }
    const Bit__JournalRecord *launched = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED);
    EXPECT_STREQ(launched->launched->restore, restored);
    fix_events_free(&e);
    snprintf(below, sizeof below, "checkpoints/%s.bad", name);
    EXPECT_EQ(access(fix_path(&f, "r1", below, path, sizeof path), F_OK), 0);
    Bit__RunStatus *status = fix_status(&f, "r1");
    if (status != NULL && EXPECT(status->set_aside != NULL)) {
        EXPECT_STREQ(status->set_aside->name, name);
        EXPECT_CONTAINS(status->set_aside->text, why);
    }
    bit_msg_free(status);
}

/* ---- checkpoints whose name is in the journal */

TEST(other_weights_under_a_journalled_name_are_set_aside)
{
    if (!begin())
        return;
    forge("r1", "step-00000012", alter_weights);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_set_aside("step-00000012", "journal", "step-00000008");
    fix_finish(&f);
}

static void alter_moments(Bit__Manifest *m)
{
    char path[256];
    uint64_t data[8];
    int fd = open(fix_path(&f, "r1", "checkpoints/step-00000012/exp_avg.safetensors", path, sizeof path),
                  O_RDWR | O_CLOEXEC);

    EXPECT_EQ(pread(fd, data, sizeof data, 0), (ssize_t)sizeof data);
    data[7] ^= 1;
    EXPECT_EQ(pwrite(fd, data, sizeof data, 0), (ssize_t)sizeof data);
    close(fd);
    m->file[1]->chunk_crc[0] = bit_crc32c(0, data, sizeof data);
}

/* The weights are right, but the next step would differ. */
TEST(other_moments_under_a_journalled_name_are_set_aside)
{
    if (!begin())
        return;
    forge("r1", "step-00000012", alter_moments);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_set_aside("step-00000012", "moments", "step-00000008");
    fix_finish(&f);
}

/* A backup restored to the wrong place: another run's checkpoint with this run's id. */
TEST(another_runs_checkpoint_is_set_aside)
{
    if (!begin_beside_another())
        return;
    copy_checkpoint("r2", "step-00000012", "r1", "step-00000012");
    forge("r1", "step-00000012", name_r1);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_set_aside("step-00000012", "identity", "step-00000008");
    fix_finish(&f);
}

/* ---- checkpoints whose name is not in the journal */

static void both_of_step_13(Bit__Manifest *m)
{
    name_r1(m);
    move_to_step_13(m);
}

TEST(another_runs_checkpoint_that_the_journal_does_not_know_is_set_aside)
{
    if (!begin_beside_another())
        return;
    copy_checkpoint("r2", "step-00000012", "r1", "step-00000013");
    forge("r1", "step-00000013", both_of_step_13);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_set_aside("step-00000013", "identity", "step-00000012");
    fix_finish(&f);
}

TEST(one_without_an_identity_that_the_journal_does_not_know_is_set_aside)
{
    if (!begin())
        return;
    copy_checkpoint("r1", "step-00000008", "r1", "step-00000013");
    forge("r1", "step-00000013", move_unnamed_to_step_13);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_set_aside("step-00000013", "identity", "step-00000012");
    fix_finish(&f);
}

/* ---- files of earlier versions */

static const Bit__JournalRecord *expect_launched_from(struct fix_events *e, const char *restored)
{
    fix_events(&f, "r1", e);
    const Bit__JournalRecord *launched = fix_last(e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED);
    EXPECT_STREQ(launched->launched->restore, restored);
    EXPECT_EQ(fix_count(e, BIT__JOURNAL_RECORD__WHAT_BAD), 0);
    return launched;
}

TEST(a_manifest_without_an_identity_is_known_by_its_digest)
{
    struct fix_events e;

    if (!begin())
        return;
    forge("r1", "step-00000012", forget_identity);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_launched_from(&e, "step-00000012");
    fix_events_free(&e);
    fix_finish(&f);
}

static int rewrite_one(void *arg, const Bit__JournalRecord *record)
{
    const int *out = arg;
    Bit__JournalRecord copy = *record;
    Bit__RunSubmitted submitted = BIT__RUN_SUBMITTED__INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_SUBMITTED) {
        submitted = *record->submitted;
        EXPECT(submitted.identity != NULL);
        submitted.identity = NULL;
        copy.submitted = &submitted;
    }
    EXPECT_EQ(bit_journal_record_encode(&copy, &bytes, &size), 0);
    EXPECT_EQ(write(*out, bytes, size), (ssize_t)size);
    free(bytes);
    return 0;
}

/* Rewrite the journal as a version of bitd without identities did. */
static void age_journal(const char *run)
{
    char path[256], aged[256];
    struct bit_journal journal;
    uint64_t cut = 0;
    int out = open(fix_path(&f, run, "aged", aged, sizeof aged), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    EXPECT_EQ(bit_journal_open(fix_path(&f, run, "journal", path, sizeof path), rewrite_one, &out, &journal, &cut), 0);
    bit_journal_close(&journal);
    close(out);
    EXPECT_EQ(rename(aged, path), 0);
}

TEST(a_run_of_an_earlier_version_goes_on_from_its_checkpoints)
{
    static const char *const names[] = {"step-00000004", "step-00000008", "step-00000012"};
    struct fix_events e;

    if (!begin())
        return;
    age_journal("r1");
    for (size_t i = 0; i < BIT_COUNT(names); i++)
        forge("r1", names[i], forget_identity);
    if (!fix_start(&f))
        return;
    expect_undisturbed();
    expect_launched_from(&e, "step-00000012");
    fix_events_free(&e);
    fix_finish(&f);
}

TEST_MAIN
