#include "daemon/store/journal/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/run/run.h"
#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/journal_of.h"
#include "tests/test.h"

static char path[256];

static int count_record(void *arg, const Bit__JournalRecord *record)
{
    ++*(size_t *)arg;
    return 0;
}

static int open_counted(struct bit_journal *j, size_t *count, uint64_t *cut)
{
    *count = 0;
    *cut = 0;
    return bit_journal_open(path, count_record, count, j, cut);
}

static void make_journal(uint64_t records, uint64_t *ends)
{
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    snprintf(path, sizeof path, "%s", test_path("journal"));
    unlink(path);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    for (uint64_t i = 0; i < records; i++) {
        EXPECT_EQ(test_journal_append_step(&j, i + 1), 0);
        if (ends != NULL)
            ends[i] = j.bytes;
    }
    bit_journal_close(&j);
}

TEST(appends_and_replays)
{
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    make_journal(100, NULL);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    EXPECT_EQ(count, 100);
    EXPECT_EQ(j.seq, 100);
    EXPECT_EQ(cut, 0);
    EXPECT_EQ(test_journal_append_step(&j, 101), 0);
    bit_journal_close(&j);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    EXPECT_EQ(count, 101);
    bit_journal_close(&j);
}

/* Cut at every byte of the last two records: whole records are kept, the rest is cut off, and appending works. */
TEST(cuts_a_torn_tail)
{
    uint64_t ends[10];

    make_journal(10, ends);
    for (uint64_t at = ends[7]; at < ends[9]; at++) {
        struct bit_journal j;
        size_t count;
        uint64_t cut;
        make_journal(10, ends);
        EXPECT_EQ(truncate(path, (off_t)at), 0);
        EXPECT_EQ(open_counted(&j, &count, &cut), 0);
        EXPECT_EQ(count, at < ends[8] ? 8 : 9);
        EXPECT_EQ(cut, at - (at < ends[8] ? ends[7] : ends[8]));
        EXPECT_EQ(test_journal_append_step(&j, 77), 0);
        bit_journal_close(&j);
        EXPECT_EQ(open_counted(&j, &count, &cut), 0);
        EXPECT_EQ(count, at < ends[8] ? 9 : 10);
        EXPECT_EQ(cut, 0);
        bit_journal_close(&j);
    }
}

static void flip(uint64_t at, uint8_t bit)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    EXPECT_EQ(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= bit;
    EXPECT_EQ(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* A flipped bit before the last record is reported as damage, with its place; in the last record it looks like a write
 * that a crash tore. No damaged record is ever replayed. */
TEST(finds_every_flipped_bit)
{
    uint64_t ends[10];

    make_journal(10, ends);
    for (uint64_t at = 0; at < ends[9]; at++) {
        struct bit_journal j = {.fd = -1};
        size_t count, whole = 0;
        uint64_t cut;
        while (whole < 10 && ends[whole] <= at)
            whole++;
        flip(at, (uint8_t)(1u << at % 8));
        int err = open_counted(&j, &count, &cut);
        EXPECT_EQ(count, whole);
        if (whole < 9) {
            EXPECT_EQ(err, BIT_ECORRUPT);
            EXPECT_CONTAINS(bit_fail_text(), "damaged at byte");
            flip(at, (uint8_t)(1u << at % 8));
        } else {
            EXPECT_EQ(err, 0);
            make_journal(10, ends);
        }
        bit_journal_close(&j);
    }
}

TEST(a_hole_in_the_numbers_is_damage)
{
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    make_journal(3, NULL);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    j.seq = 7;
    EXPECT_EQ(test_journal_append_step(&j, 4), 0);
    bit_journal_close(&j);
    EXPECT_EQ(open_counted(&j, &count, &cut), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "record 8 where 4 belongs");
}

TEST(an_append_that_fails_leaves_nothing)
{
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    make_journal(3, NULL);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    int fd = j.fd;
    j.fd = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT(test_journal_append_step(&j, 4) < 0);
    EXPECT_EQ(j.seq, 3);
    close(j.fd);
    j.fd = fd;
    EXPECT_EQ(test_journal_append_step(&j, 4), 0);
    bit_journal_close(&j);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    EXPECT_EQ(count, 4);
    bit_journal_close(&j);
}

/* Prints the time, and fails only if it is about ten times too long. */
TEST(replays_a_hundred_thousand)
{
    struct timespec a, b;
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    make_journal(100000, NULL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    EXPECT_EQ(count, 100000);
    double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    printf("100000 records: %.3f s\n", s);
    EXPECT(s < 5);
    bit_journal_close(&j);
    unlink(path);
}

/* ---- texts and numbers that are not valid */

static char lost_cause[512];

static int keep_cause(void *arg, const Bit__JournalRecord *record)
{
    ++*(size_t *)arg;
    snprintf(lost_cause, sizeof lost_cause, "%s", record->lost->cause);
    return 0;
}

static void fill_lost(Bit__JournalRecord *record, Bit__WorkerLost *m, char *cause)
{
    bit__journal_record__init(record);
    bit__worker_lost__init(m);
    m->attempt = 1;
    m->cause = cause;
    record->seq = 1;
    record->what_case = BIT__JOURNAL_RECORD__WHAT_LOST;
    record->lost = m;
}

static int replay_cause(size_t *count)
{
    struct bit_journal j = {.fd = -1};
    uint64_t cut;

    *count = 0;
    int err = bit_journal_open(path, keep_cause, count, &j, &cut);
    bit_journal_close(&j);
    return err;
}

TEST(what_is_written_can_be_read)
{
    Bit__JournalRecord record;
    Bit__WorkerLost m;
    uint8_t *bytes = NULL;
    size_t size = 0, count;

    fill_lost(&record, &m, (char *)(uintptr_t) "task 0: p\351riph failed, \xe2\x82");
    if (!EXPECT_EQ(bit_journal_record_encode(&record, &bytes, &size), 0))
        return;
    test_write(path, bytes, size);
    free(bytes);
    EXPECT_EQ(replay_cause(&count), 0);
    EXPECT_EQ(count, 1u);
    EXPECT_STREQ(lost_cause, "task 0: p?riph failed, ??");
}

/* Packed without a check of its texts, as earlier versions did. */
static void write_unchecked(const Bit__JournalRecord *record)
{
    uint8_t buf[1024] = {0};
    uint32_t body = (uint32_t)bit__journal_record__pack(record, buf + BIT_JOURNAL_HEADER_BYTES);

    memcpy(buf, &body, 4);
    uint32_t crc = bit_crc32c(bit_crc32c(0, buf, 4), buf + BIT_JOURNAL_HEADER_BYTES, body);
    memcpy(buf + 4, &crc, 4);
    test_write(path, buf, BIT_JOURNAL_HEADER_BYTES + body);
}

TEST(a_text_that_is_wrong_on_disk_is_repaired)
{
    Bit__JournalRecord record;
    Bit__WorkerLost m;
    size_t count;

    fill_lost(&record, &m, (char *)(uintptr_t) "caf\xe9 \xc3");
    write_unchecked(&record);
    if (!EXPECT_EQ(replay_cause(&count), 0))
        fprintf(stderr, "    %s\n", bit_fail_text());
    EXPECT_EQ(count, 1u);
    EXPECT_STREQ(lost_cause, "caf? ?");
}

TEST(a_number_that_is_none_is_not_written)
{
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;

    m.step = 1;
    m.precision = BIT__PRECISION__SIXTEEN_BIT;
    m.split = &split;
    m.loss = NAN;
    record.seq = 1;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    record.step = &m;
    EXPECT_EQ(bit_journal_record_encode(&record, &bytes, &size), BIT_EMESSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "bit.StepReport.loss");
    EXPECT(bytes == NULL);
    free(bytes);
}

/* ---- a disk that fails */

static struct {
    bool fails;
    uint64_t lost_from; /* a failed sync loses all bytes from here */
} disk;

/* Replaces libc's. A sync that fails loses what it had to write, and later ones do not report the loss. */
int fdatasync(int fd)
{
    struct stat st;

    if (!disk.fails)
        return 0;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > disk.lost_from) {
        EXPECT_EQ(ftruncate(fd, (off_t)disk.lost_from), 0);
        EXPECT_EQ(ftruncate(fd, st.st_size), 0);
    }
    errno = EIO;
    return -1;
}

static int append_synced(struct bit_journal *j, uint64_t step)
{
    int err = test_journal_append_step(j, step);

    if (err == 0) { /* as bitd does once a second */
        uint64_t bytes = j->bytes;
        err = fdatasync(j->fd) < 0 ? -errno : 0;
        bit_journal_synced(j, bytes, err);
    }
    return err;
}

TEST(what_a_failed_sync_lost_is_written_again)
{
    struct bit_journal j;
    size_t count;
    uint64_t cut;

    unlink(path);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    EXPECT_EQ(append_synced(&j, 1), 0);
    disk.lost_from = j.bytes;
    EXPECT_EQ(test_journal_append_step(&j, 2), 0);
    EXPECT_EQ(test_journal_append_step(&j, 3), 0);
    disk.fails = true;
    EXPECT_EQ(append_synced(&j, 4), -EIO); /* 2, 3 and 4 are zeros now */
    EXPECT(j.torn);
    EXPECT_EQ(test_journal_append_step(&j, 5), -EIO); /* nothing is appended after lost records */
    EXPECT_EQ(bit_journal_mend(&j), -EIO);
    EXPECT_EQ(j.seq, 4);
    disk.fails = false;
    EXPECT_EQ(bit_journal_mend(&j), 0);
    EXPECT(!j.torn);
    EXPECT_EQ(append_synced(&j, 5), 0);
    bit_journal_close(&j);
    EXPECT_EQ(open_counted(&j, &count, &cut), 0);
    EXPECT_EQ(count, 5u);
    EXPECT_EQ(cut, 0u);
    bit_journal_close(&j);
    unlink(path);
}

TEST_MAIN
