/* Runs for tests, changed by the records that bitd would write. */
#ifndef BIT_TESTS_RUN_OF_H
#define BIT_TESTS_RUN_OF_H

#include "daemon/run/run.h"
#include "daemon/run/run_apply.h"
#include "proto/check.h"
#include "tests/spec_of.h"

/** Apply the run's next record. */
static inline void test_run_apply(struct bit_run *run, Bit__JournalRecord *record)
{
    record->seq = run->seq + 1;
    EXPECT_EQ(bit_run_apply(run, record), 0);
}

/** A run that was submitted and trains. Takes ownership of the spec, which is normalised; bit_run_finish frees it. */
static inline void test_run_init(struct bit_run *run, Bit__RunSpec *spec)
{
    Bit__RunSubmitted m = BIT__RUN_SUBMITTED__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;

    m.run = m.request_id = bit_lend("r1");
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SUBMITTED;
    record.submitted = &m;
    bit_run_init(run, 1, spec);
    test_run_apply(run, &record);
    run->state = BIT__RUN_STATE__TRAINING;
}

/** The report of a checkpoint after this step; `error`: it could not be written. */
static inline void test_run_checkpoint(struct bit_run *run, uint64_t step, uint64_t weights, uint64_t moments,
                                       int error)
{
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    char name[32];

    snprintf(name, sizeof name, "step-%08u", (unsigned)step);
    m.after_step = step;
    m.name = name;
    m.error = error;
    m.has_weights_digest = m.has_moments_digest = true;
    m.weights_digest = weights;
    m.moments_digest = moments;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT;
    record.checkpoint = &m;
    test_run_apply(run, &record);
}

#endif
