/* Token files that are not what the specification says: refused at submission if it can be known then, otherwise
 * reported during the run with file and byte. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char text[4096];

static int refused_with(const char *train)
{
    char more[256];

    snprintf(more, sizeof more, "data.train=%s", train);
    return fix_submit_refused(&f, more, text, sizeof text);
}

TEST(refused_at_submission)
{
    char path[128];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(refused_with("/nowhere/a.npy"), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "/nowhere/a.npy");
    EXPECT_EQ(refused_with(f.dir), BIT_EXIT_CORRUPT);
    snprintf(path, sizeof path, "%s/empty.npy", f.dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_EQ(write(fd, "odd", 3), 3);
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "empty.npy");
    EXPECT_EQ(ftruncate(fd, 16 * 2 * 3 + 30), 0); /* three instances and a remainder; a batch needs four */
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "3 instances");
    EXPECT_CONTAINS(text, "one batch needs 4");
    close(fd);
    fix_finish(&f);
}

/* Nested far deeper than the JSON parser allows. */
TEST(a_sidecar_of_brackets_is_refused)
{
    char path[128];

    fix_init(&f);
    snprintf(path, sizeof path, "%s/dataset.json", f.dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 100000; i++)
        fputs("{\"a\":[", file);
    EXPECT_EQ(fclose(file), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(refused_with(f.tokens), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "dataset.json");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

TEST(an_id_beyond_the_vocabulary_names_its_byte)
{
    char run[32], at[64];
    const uint16_t bad = 500;

    fix_init(&f);
    int fd = open(f.tokens, O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(pwrite(fd, &bad, 2, 1234), 2);
    close(fd);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=64", run); /* one epoch: every instance is read */
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    Bit__RunStatus *status = fix_status(&f, run);
    snprintf(at, sizeof at, "token id 500 at byte 1234");
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, at);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

TEST(a_file_truncated_under_the_run_fails_it)
{
    char run[32];
    pid_t pids[8];

    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=64", run);
    fix_wait_step(&f, run, 3);
    EXPECT_EQ(truncate(f.tokens, 1000), 0);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    EXPECT_EQ(fix_workers(&f, run, pids, 8), 0);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, "1000");
    }
    bit_msg_free(status);
    fix_finish(&f);
}

/* ---- the same file, with another change time */

/* Kill bitd and the workers in the middle of a run. */
static void kill_all(const char *run)
{
    pid_t pids[8];

    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    for (int i = fix_workers(&f, run, pids, 8); i-- > 0;)
        kill(pids[i], SIGKILL);
}

static bool begin_and_cut_off(char run[32])
{
    setenv("FAKE_HANG_AT", "6", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 6);
    kill_all(run);
    unsetenv("FAKE_HANG_AT");
    return true;
}

static bool cut_off(char run[32])
{
    fix_init(&f);
    return begin_and_cut_off(run);
}

static size_t log_count(const char *words)
{
    static char log[1 << 20];
    FILE *file = fopen(f.log, "r");
    size_t bytes = file == NULL ? 0 : fread(log, 1, sizeof log - 1, file), count = 0;

    if (file != NULL)
        fclose(file);
    log[bytes] = '\0';
    for (const char *at = log; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static bool log_has(const char *words)
{
    return log_count(words) > 0;
}

TEST(a_file_that_was_given_other_rights_is_trained_on_and_told)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];

    if (!cut_off(run))
        return;
    EXPECT(!log_has("token file touched"));
    EXPECT_EQ(chmod(f.tokens, 0440), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT(log_has("token file touched"));
    fix_finish(&f);
}

/* ---- the same, with a checksum in dataset.json */

/* Writes dataset.json as bitctl tokenize does. */
static void describe_tokens(void)
{
    char path[128];
    uint16_t tokens[FIX_TOKENS];
    int fd = open(f.tokens, O_RDONLY | O_CLOEXEC);

    EXPECT_EQ(read(fd, tokens, sizeof tokens), (ssize_t)sizeof tokens);
    close(fd);
    snprintf(path, sizeof path, "%s/dataset.json", f.dir);
    FILE *file = fopen(path, "w");
    fprintf(
        file,
        "{\"format\": \"bitd-dataset-1\", \"tokenizer\": {\"name\": \"t\", \"sha256\": "
        "\"1111111111111111111111111111111111111111111111111111111111111111\", \"vocab\": 500, \"end_of_text\": 0}, "
        "\"dtype\": \"uint16\", \"documents\": 1, \"tokens\": %d, \"text_bytes\": 9, \"files\": [{\"name\": "
        "\"train.npy\", \"tokens\": %d, \"documents\": 1, \"crc32c\": \"%08x\"}]}",
        FIX_TOKENS, FIX_TOKENS, bit_crc32c(0, tokens, sizeof tokens));
    EXPECT_EQ(fclose(file), 0);
}

/* As cut_off, with dataset.json from the beginning. */
static bool cut_off_with_checksum(char run[32])
{
    fix_init(&f);
    describe_tokens();
    return begin_and_cut_off(run);
}

/* Change one id and restore the modification time: only the change time shows it. */
static void write_secretly(void)
{
    struct stat st;
    uint16_t id;

    EXPECT_EQ(stat(f.tokens, &st), 0);
    int fd = open(f.tokens, O_RDWR | O_CLOEXEC);
    EXPECT_EQ(pread(fd, &id, sizeof id, 4000), (ssize_t)sizeof id);
    id ^= 1;
    EXPECT_EQ(pwrite(fd, &id, sizeof id, 4000), (ssize_t)sizeof id);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    EXPECT_EQ(futimens(fd, times), 0);
    close(fd);
}

TEST(the_same_bytes_are_compared_once_and_said)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];

    if (!cut_off_with_checksum(run))
        return;
    EXPECT_EQ(chmod(f.tokens, 0440), 0);
    setenv("FAKE_HANG_AT", "9", 1);
    if (!fix_start(&f))
        return;
    fix_wait_step(&f, run, 9);
    EXPECT_EQ(log_count("same bytes"), 1);
    kill_all(run);
    unsetenv("FAKE_HANG_AT");
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT_EQ(log_count("same bytes"), 1); /* bitd recorded the new change time, so it does not compare again */
    fix_finish(&f);
}

static void expect_other_bytes(const char *run)
{
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, "with its time put back");
        EXPECT_CONTAINS(status->reason, "dataset.json");
    }
    bit_msg_free(status);
}

TEST(other_bytes_behind_the_same_times_fail_the_run)
{
    char run[32];

    if (!cut_off_with_checksum(run))
        return;
    write_secretly();
    if (!fix_start(&f))
        return;
    expect_other_bytes(run);
    fix_finish(&f);
}

/* Rewrite data.pb as older versions of bitd did: without checksums, and without change times if `change_times`. */
static void age_facts(const char *run, bool change_times)
{
    uint8_t buf[4096];
    char path[256];
    int fd = open(fix_path(&f, run, "data.pb", path, sizeof path), O_RDWR | O_CLOEXEC);
    ssize_t n = read(fd, buf, sizeof buf);
    Bit__DataFacts *facts = bit__data_facts__unpack(NULL, (size_t)n, buf);

    if (EXPECT(facts != NULL)) {
        EXPECT_EQ(facts->n_ctime_ns, 1);
        EXPECT_EQ(facts->n_checksum, 1);
        facts->n_checksum = 0;
        if (change_times)
            facts->n_ctime_ns = 0;
        size_t bytes = bit__data_facts__pack(facts, buf);
        EXPECT_EQ(pwrite(fd, buf, bytes, 0), (ssize_t)bytes);
        EXPECT_EQ(ftruncate(fd, (off_t)bytes), 0);
        bit__data_facts__free_unpacked(facts, NULL);
    }
    close(fd);
}

TEST(facts_of_an_earlier_version_are_gone_on_with)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];

    if (!cut_off(run))
        return;
    age_facts(run, true);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

/* data.pb has no checksum, so bitd compares with the present dataset.json. */
TEST(other_bytes_are_found_for_a_run_of_an_earlier_version)
{
    char run[32];

    if (!cut_off_with_checksum(run))
        return;
    age_facts(run, false);
    write_secretly();
    if (!fix_start(&f))
        return;
    expect_other_bytes(run);
    fix_finish(&f);
}

/* ---- changed during the run */

static bool begin_described(char run[32])
{
    fix_init(&f);
    describe_tokens();
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, "schedule.steps=64", run);
    fix_wait_step(&f, run, 3);
    return true;
}

static void change_one_id(void)
{
    uint16_t id;
    int fd = open(f.tokens, O_RDWR | O_CLOEXEC);

    EXPECT_EQ(pread(fd, &id, sizeof id, 4000), (ssize_t)sizeof id);
    id ^= 1;
    EXPECT_EQ(pwrite(fd, &id, sizeof id, 4000), (ssize_t)sizeof id);
    close(fd);
}

/* The number of comparisons in the journal, and the last result. */
static size_t comparisons(const char *run, bool *same)
{
    struct fix_events e;

    fix_events(&f, run, &e);
    size_t count = fix_count(&e, BIT__JOURNAL_RECORD__WHAT_DATA_COMPARED);
    const Bit__JournalRecord *last = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_DATA_COMPARED);
    if (last != NULL) {
        *same = last->data_compared->same;
        EXPECT_CONTAINS(last->data_compared->text, f.tokens);
    }
    fix_events_free(&e);
    return count;
}

TEST(a_new_time_and_the_same_bytes_are_no_fault)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed("schedule.steps=64");
    bool same = false;
    char run[32];

    if (!begin_described(run))
        return;
    EXPECT_EQ(utimensat(AT_FDCWD, f.tokens, NULL, 0), 0);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT_EQ(comparisons(run, &same), 1);
    EXPECT(same);
    fix_finish(&f);
}

/* As rsync does: a new file under the same name. */
TEST(nor_is_another_file_of_the_same_bytes)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32], command[512];
    bool same = false;

    if (!cut_off_with_checksum(run))
        return;
    snprintf(command, sizeof command, "cp %s %s.new && mv %s.new %s", f.tokens, f.tokens, f.tokens, f.tokens);
    EXPECT_EQ(system(command), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT_EQ(comparisons(run, &same), 1);
    EXPECT(same);
    fix_finish(&f);
}

TEST(other_bytes_fail_the_run_until_they_are_forced_on_it)
{
    Bit__ResumeRequest m = BIT__RESUME_REQUEST__INIT;
    bool same = true;
    char run[32];

    if (!begin_described(run))
        return;
    change_one_id();
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, "written to since the run began: its bytes have CRC-32C");
    }
    bit_msg_free(status);
    m.run = run;
    m.request_id = bit_lend("again");
    EXPECT_EQ(fix_refused(&f, BIT_MSG_RESUME_REQUEST, &m, text, sizeof text), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, f.tokens);
    EXPECT_CONTAINS(text, "--force");
    m.has_force = m.force = true;
    Bit__DoneReply *done = fix_expect(&f, BIT_MSG_RESUME_REQUEST, &m, BIT_MSG_DONE_REPLY);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, f.tokens);
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(comparisons(run, &same), 1);
    EXPECT(!same);
    struct fix_events e;
    fix_events(&f, run, &e);
    const Bit__JournalRecord *resumed = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_RESUMED);
    if (EXPECT(resumed != NULL && resumed->resumed->other_data != NULL))
        EXPECT_CONTAINS(resumed->resumed->other_data, f.tokens);
    fix_events_free(&e);
    fix_finish(&f);
}

/* Nothing records the original content: bitd refuses to resume, and the user decides with --force. */
TEST(without_a_checksum_a_new_time_is_a_fault)
{
    Bit__ResumeRequest m = BIT__RESUME_REQUEST__INIT;
    char run[32];

    if (!cut_off(run))
        return;
    EXPECT_EQ(utimensat(AT_FDCWD, f.tokens, NULL, 0), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    m.run = run;
    m.request_id = bit_lend("again");
    EXPECT_EQ(fix_refused(&f, BIT_MSG_RESUME_REQUEST, &m, text, sizeof text), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "dataset.json had no checksum for it");
    m.has_force = m.force = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_RESUME_REQUEST, &m, BIT_MSG_DONE_REPLY));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

TEST_MAIN
