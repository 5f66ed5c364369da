/* The index of a journal: records are found by number, and plain steps are recognised by their bytes. */
#include "daemon/store/journal/journal_index.h"

#include "proto/bit.pb-c.h"
#include "proto/check.h"
#include "tests/test.h"

#define RECORD_BYTES 100

static bool is_plain(const Bit__JournalRecord *record)
{
    uint8_t bytes[4096];

    return bit_journal_index_is_plain(bytes, bit__journal_record__pack(record, bytes));
}

TEST(a_step_without_an_anomaly_is_plain)
{
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    Bit__StepReport step = BIT__STEP_REPORT__INIT;
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__Anomaly anomaly = BIT__ANOMALY__INIT, *anomalies[] = {&anomaly};
    Bit__StateChanged state = BIT__STATE_CHANGED__INIT;

    step.split = &split;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    record.step = &step;
    EXPECT(is_plain(&record));
    step.n_anomaly = 1;
    step.anomaly = anomalies;
    EXPECT(!is_plain(&record));
    state.reason = bit_lend("because");
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STATE;
    record.state = &state;
    EXPECT(!is_plain(&record));
}

TEST(no_bytes_read_past_their_end)
{
    for (unsigned tag = 0; tag < 256; tag++) {
        const uint8_t bytes[] = {(uint8_t)tag, 0xff, 0xff, 0xff};
        for (size_t n = 0; n <= sizeof bytes; n++)
            EXPECT(!bit_journal_index_is_plain(bytes, n));
    }
}

/* Records 1 to `count`; every `other`th is not a plain step. */
static void fill(struct bit_journal_index *x, uint64_t count, uint64_t other)
{
    *x = (struct bit_journal_index){.entry = NULL};
    for (uint64_t seq = 1; seq <= count; seq++) {
        EXPECT_EQ(bit_journal_index_reserve(x), 0);
        bit_journal_index_add(x, seq, (seq - 1) * RECORD_BYTES, RECORD_BYTES, seq % other != 0);
    }
}

TEST(what_is_no_plain_step_is_found_by_number)
{
    struct bit_journal_index x;

    fill(&x, 100000, 1000);
    EXPECT_EQ(x.count, 100u);
    for (uint64_t after = 0; after < 100000; after += 333) {
        size_t at = bit_journal_index_find(&x, after);
        if (EXPECT(at < x.count)) {
            EXPECT_EQ(x.entry[at].seq, (after / 1000 + 1) * 1000);
            EXPECT_EQ(x.entry[at].offset, (x.entry[at].seq - 1) * RECORD_BYTES);
        }
    }
    EXPECT_EQ(bit_journal_index_find(&x, 100000), x.count);
    bit_journal_index_finish(&x);
}

TEST(reading_after_a_record_begins_less_than_a_stride_before_it)
{
    struct bit_journal_index x;

    fill(&x, 10000, 7);
    for (uint64_t after = 0; after < 10000; after++) {
        uint64_t first = bit_journal_index_offset(&x, after) / RECORD_BYTES + 1;
        EXPECT(first <= after + 1 && after + 1 - first < BIT_JOURNAL_INDEX_STRIDE);
    }
    EXPECT_EQ(bit_journal_index_offset(&x, UINT64_MAX), 9u * BIT_JOURNAL_INDEX_STRIDE * RECORD_BYTES);
    bit_journal_index_finish(&x);
    EXPECT_EQ(bit_journal_index_offset(&x, 5), 0u);
}

TEST_MAIN
