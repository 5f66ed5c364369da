/* Portions of a stream: each is bounded, together they are all that was asked for, and little more is read. */
#include "daemon/client/stream/stream_portion.h"

#include <fcntl.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/journal_of.h"
#include "tests/test.h"

#define STEPS  50000
#define OTHERS 50 /* state changes among them */

static char path[256];
static struct bit_journal journal;

static int ignore(void *arg, const Bit__JournalRecord *record)
{
    (void)arg;
    (void)record;
    return 0;
}

static void append_state(void)
{
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    Bit__StateChanged m = BIT__STATE_CHANGED__INIT;

    m.state = BIT__RUN_STATE__TRAINING;
    m.reason = bit_lend("as it is");
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STATE;
    record.state = &m;
    EXPECT_EQ(test_journal_append(&journal, &record), 0);
}

static void make_journal(void)
{
    uint64_t cut;

    snprintf(path, sizeof path, "%s/journal", test_folder());
    EXPECT_EQ(bit_journal_open(path, ignore, NULL, &journal, &cut), 0);
    for (uint64_t step = 1; step <= STEPS; step++) {
        EXPECT_EQ(test_journal_append_step(&journal, step), 0);
        if (step % (STEPS / OTHERS) == 0)
            append_state();
    }
}

/* Totals of all portions of a stream. */
struct sum {
    uint64_t records, first, last, bytes_read, portions, read_most, records_most;
};

static uint64_t take_frames(struct bit_stream_portion *p, struct sum *sum)
{
    uint64_t records = 0;

    for (size_t at = 0; at < p->frame_bytes; records++) {
        struct bit_frame frame;
        ProtobufCMessage *msg = NULL;
        size_t need;
        int64_t took = bit_frame_decode(p->frames + at, p->frame_bytes - at, BIT_FRAME_BODY_MAX, &frame, &need);
        if (!EXPECT(took > 0))
            break;
        EXPECT_EQ(bit_msg_decode(BIT_CHANNEL_CLIENT_REPLY, frame.type, frame.body, frame.body_bytes, &msg), 0);
        sum->last = ((Bit__EventReply *)msg)->record->seq;
        sum->first = sum->first == 0 ? sum->last : sum->first;
        bit_msg_free(msg);
        at += (size_t)took;
    }
    free(p->frames);
    p->frames = NULL;
    p->frame_bytes = p->frame_room = 0;
    return records;
}

static int next(struct bit_stream_portion *p, struct sum *sum)
{
    uint64_t before = p->bytes_read;
    int got = bit_stream_portion_events(p);
    uint64_t records = take_frames(p, sum), read = p->bytes_read - before;

    sum->records += records;
    sum->bytes_read += read;
    sum->portions++;
    sum->read_most = read > sum->read_most ? read : sum->read_most;
    sum->records_most = records > sum->records_most ? records : sum->records_most;
    return got;
}

static struct bit_stream_portion begin(bool steps, uint64_t after)
{
    return (struct bit_stream_portion){.fd = journal.fd,
                                       .end = journal.bytes,
                                       .steps = steps,
                                       .after = after,
                                       .offset = bit_journal_index_offset(&journal.index, after)};
}

TEST(every_record_comes_once_in_bounded_portions)
{
    struct sum sum = {0};

    make_journal();
    struct bit_stream_portion p = begin(true, 0);
    while (next(&p, &sum) > 0)
        ;
    EXPECT_EQ(sum.records, journal.seq);
    EXPECT_EQ(p.offset, journal.bytes);
    EXPECT(sum.read_most <= BIT_STREAM_PORTION_BYTES);
    EXPECT(sum.records_most > 100);                              /* many records for one read */
    EXPECT(sum.bytes_read < journal.bytes + sum.portions * 512); /* hardly a byte is read twice */
}

TEST(going_on_after_a_record_reads_what_follows)
{
    struct sum sum = {0};
    struct bit_stream_portion p = begin(true, journal.seq - 10);

    while (next(&p, &sum) > 0)
        ;
    EXPECT_EQ(sum.records, 10u);
    EXPECT_EQ(sum.first, journal.seq - 9);
    EXPECT(sum.bytes_read < 2 * BIT_JOURNAL_INDEX_STRIDE * 512);
}

/* `events` without steps: 50 records among 50000 steps. */
TEST(records_among_plain_steps_are_read_alone)
{
    struct sum sum = {0};
    struct bit_stream_portion p = begin(false, 0);

    EXPECT_EQ(journal.index.count, (size_t)OTHERS);
    for (size_t at = 0; at < journal.index.count; at += p.picked_count) {
        p.picked_count = journal.index.count - at < BIT_STREAM_PORTION_PICKS ? journal.index.count - at
                                                                             : BIT_STREAM_PORTION_PICKS;
        memcpy(p.picked, journal.index.entry + at, p.picked_count * sizeof p.picked[0]);
        EXPECT_EQ(next(&p, &sum), 1);
    }
    EXPECT_EQ(sum.records, (uint64_t)OTHERS);
    EXPECT_EQ(sum.last, journal.seq);
    EXPECT(sum.bytes_read < (uint64_t)OTHERS * 512);
}

TEST(a_journal_that_ends_too_early_is_no_error_and_no_progress)
{
    struct sum sum = {0};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct bit_stream_portion p = begin(true, journal.seq - 1);

    EXPECT_EQ(ftruncate(fd, (off_t)journal.bytes - 1), 0);
    while (next(&p, &sum) > 0)
        ;
    EXPECT_EQ(sum.records, 0u);
    EXPECT(p.offset < journal.bytes);
    EXPECT_EQ(ftruncate(fd, 0), 0);
    EXPECT_EQ(next(&p, &sum), 0);
    close(fd);
}

/* ---- logs */

static uint64_t find_lines(const char *text, size_t bytes, uint64_t lines)
{
    int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);

    EXPECT_EQ(write(fd, text, bytes), (ssize_t)bytes);
    struct bit_stream_portion p = {.fd = fd, .offset = bytes, .end = bytes, .lines = lines};
    while (bit_stream_portion_lines(&p) > 0)
        ;
    close(fd);
    return p.offset;
}

TEST(the_last_lines_begin_where_they_begin)
{
    static char text[200000];

    EXPECT_EQ(find_lines("", 0, 3), 0u);
    EXPECT_EQ(find_lines("one\ntwo\nthree\n", 14, 1), 8u);
    EXPECT_EQ(find_lines("one\ntwo\nthree", 13, 1), 8u);
    EXPECT_EQ(find_lines("one\ntwo\nthree\n", 14, 2), 4u);
    EXPECT_EQ(find_lines("one\ntwo\nthree\n", 14, 9), 0u);
    EXPECT_EQ(find_lines("\n\n\n", 3, 2), 1u);
    memset(text, 'x', sizeof text); /* longer than one read */
    text[1000] = text[190000] = '\n';
    EXPECT_EQ(find_lines(text, sizeof text, 1), 190001u);
    EXPECT_EQ(find_lines(text, sizeof text, 2), 1001u);
    EXPECT_EQ(find_lines(text, sizeof text, 3), 0u);
}

TEST(a_log_without_lines_is_searched_in_bounded_portions)
{
    int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC), portions = 0;
    uint64_t bytes = 64u << 20, before = 0;

    EXPECT_EQ(ftruncate(fd, (off_t)bytes), 0);
    struct bit_stream_portion p = {.fd = fd, .offset = bytes, .end = bytes, .lines = 10};
    for (int got = 1; got > 0; portions++) {
        got = bit_stream_portion_lines(&p);
        EXPECT(p.bytes_read - before <= BIT_STREAM_PORTION_SCANNED + BIT_STREAM_PORTION_BYTES);
        before = p.bytes_read;
    }
    EXPECT_EQ(p.offset, 0u);
    EXPECT(portions >= 15);
    close(fd);
    bit_journal_close(&journal);
}

TEST_MAIN
