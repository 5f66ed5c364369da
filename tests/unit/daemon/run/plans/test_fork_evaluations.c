/* What a fork evaluates after the step where it begins, by its specification and its parent's. */
#include "daemon/run/plans/fork_evaluations.h"

#include "proto/check.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

/* A parent of 100 steps that evaluates its set after every 10th and its task after step 30. SPEC(...) adds
 * assignments to it. */
static const char *const base[] = {"schedule.steps=100",
                                   "schedule.warmup_steps=10",
                                   "eval.every=10",
                                   "eval.task={path: \"t.requests\"}",
                                   "eval.tasks_at=30",
                                   "eval.tasks_every=0",
                                   NULL};
#define SPEC(...) test_spec_of(base, (const char *const[]){__VA_ARGS__, NULL})

/* "", "sets", "tasks" or "sets tasks". */
static const char *found(const struct bit_run *parent, Bit__RunSpec *fork, uint64_t step)
{
    static const char *const text[] = {"", "sets", "tasks", "sets tasks"};
    const struct bit_fork_evaluations own = bit_fork_evaluations_find(parent, fork, step);

    bit_msg_free(fork);
    return text[own.sets + 2 * own.tasks];
}

TEST(what_the_parent_did_not_evaluate)
{
    struct bit_run run;

    bit_run_init(&run, 1, SPEC("name=parent"));
    run.state = BIT__RUN_STATE__TRAINING;
    run.step = 60;
    EXPECT_STREQ(found(&run, SPEC("name=same"), 30), "");
    EXPECT_STREQ(found(&run, SPEC("eval.at=35"), 35), "sets");
    EXPECT_STREQ(found(&run, SPEC("eval.at=30"), 30), "");
    EXPECT_STREQ(found(&run, SPEC("eval.at=35"), 45), "");
    EXPECT_STREQ(found(&run, SPEC("eval.every=15"), 45), "sets");
    EXPECT_STREQ(found(&run, SPEC("eval.tasks_at=[30, 40]"), 40), "tasks");
    EXPECT_STREQ(found(&run, SPEC("eval.tasks_at=[30, 40]"), 30), "");
    EXPECT_STREQ(found(&run, SPEC("eval.tasks_every=15", "eval.every=15"), 45), "sets tasks");
    EXPECT_STREQ(found(&run, SPEC("checkpoint.every=7", "phases.switch.at_step=30"), 30), "");
    bit_run_finish(&run);
}

TEST(other_sets_and_tasks_are_the_forks)
{
    struct bit_run run;

    bit_run_init(&run, 1, SPEC("name=parent"));
    run.state = BIT__RUN_STATE__TRAINING;
    EXPECT_STREQ(found(&run, SPEC("eval.set+={name: \"c\" path: \"c.npy\"}"), 30), "sets");
    EXPECT_STREQ(found(&run, SPEC("eval.instances=3"), 30), "sets");
    EXPECT_STREQ(found(&run, SPEC("eval.task+={path: \"u.requests\"}"), 30), "tasks");
    EXPECT_STREQ(found(&run, SPEC("eval.task+={path: \"u.requests\"}"), 40), "");
    bit_run_finish(&run);
}

/* At its end a run evaluates whatever it ever does; a run that is cancelled does not evaluate after its last step. */
TEST(the_parents_end)
{
    struct bit_run run;

    bit_run_init(&run, 1, SPEC("schedule.steps=45"));
    run.state = BIT__RUN_STATE__COMPLETED;
    run.step = 45;
    run.eval.known = true;
    run.eval.step = 45;
    EXPECT_STREQ(found(&run, SPEC("eval.at=45", "eval.tasks_at=45"), 45), "");
    run.state = BIT__RUN_STATE__CANCELLED;
    run.step = 30;
    run.eval.step = 20;
    EXPECT_STREQ(found(&run, SPEC("name=same"), 30), "sets tasks");
    EXPECT_STREQ(found(&run, SPEC("name=same"), 20), "");
    bit_run_finish(&run);
}

TEST_MAIN
