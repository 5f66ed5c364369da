/* Journals for tests: records appended as bitd does. */
#ifndef BIT_TESTS_JOURNAL_OF_H
#define BIT_TESTS_JOURNAL_OF_H

#include <stdlib.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"

/** Append it as the next record, not synced. Returns bit_journal_append's error. */
static inline int test_journal_append(struct bit_journal *j, Bit__JournalRecord *record)
{
    uint8_t *bytes = NULL;
    size_t size = 0;

    record->seq = j->seq + 1;
    int err = bit_journal_record_encode(record, &bytes, &size);
    if (err == 0)
        err = bit_journal_append(j, bytes, size, false);
    free(bytes);
    return err;
}

/** Append the report of a step without anomalies. */
static inline int test_journal_append_step(struct bit_journal *j, uint64_t step)
{
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;

    m.step = step;
    m.precision = BIT__PRECISION__SIXTEEN_BIT;
    m.loss = 1.0 / (double)step;
    m.split = &split;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    record.step = &m;
    return test_journal_append(j, &record);
}

#endif
