#include "daemon/run/orders/order_sequence.h"
#include "daemon/run/run_apply.h"

#include "daemon/store/retention/checkpoint_retention.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* A run whose spec has only the parts that the sequence reads, as if normalised. */
static struct bit_run make_run(uint64_t steps, int64_t switch_at, uint64_t checkpoint_every, uint64_t eval_every)
{
    struct bit_run run;
    Bit__RunSpec *spec = calloc(1, sizeof *spec);

    bit__run_spec__init(spec);
#define PART(field, Type, init)                                                                                        \
    spec->field = calloc(1, sizeof(Type));                                                                             \
    init(spec->field)
    PART(schedule, Bit__ScheduleSpec, bit__schedule_spec__init);
    PART(checkpoint, Bit__CheckpointSpec, bit__checkpoint_spec__init);
    PART(eval, Bit__EvalSpec, bit__eval_spec__init);
    PART(phases, Bit__PhaseSpec, bit__phase_spec__init);
    spec->schedule->steps = steps;
    spec->schedule->has_steps = true;
    spec->checkpoint->every = checkpoint_every;
    spec->checkpoint->keep_last = 2;
    spec->eval->every = eval_every;
    if (eval_every > 0) {
        spec->eval->set = calloc(1, sizeof *spec->eval->set);
        spec->eval->set[0] = calloc(1, sizeof **spec->eval->set);
        bit__eval_set__init(spec->eval->set[0]);
        spec->eval->n_set = 1;
    }
    if (switch_at >= 0) {
        PART(phases->switch_, Bit__SwitchSpec, bit__switch_spec__init);
        spec->phases->switch_->at_step = (uint64_t)switch_at;
    }
    bit_run_init(&run, 1, spec);
    run.state = BIT__RUN_STATE__TRAINING;
    return run;
}

/* A task of three orders: two full ones, and one with a single document. */
static void add_task(struct bit_run *run, uint64_t every)
{
    Bit__EvalSpec *eval = run->spec->eval;

    eval->task = calloc(1, sizeof *eval->task);
    eval->task[0] = calloc(1, sizeof **eval->task);
    bit__task_spec__init(eval->task[0]);
    eval->task[0]->documents = 2 * BIT_TASK_ORDER_DOCUMENTS + 1;
    eval->n_task = 1;
    eval->tasks_every = every;
}

/*
 * Appends one letter for each order: b or t evaluates a set in 16-bit or ternary, p or q scores a part of a task, C is
 * a checkpoint, P the one before a switch, S the switch, a number a step, ! the stop with its reason, . no order yet.
 */
static void play(struct bit_run *run, struct bit_order_sequence *c, unsigned lookahead, char *out)
{
    for (;;) {
        struct bit_order o = bit_order_sequence_next(c, run, lookahead);
        char *end = out + strlen(out);
        switch (o.kind) {
        case BIT_ORDER_NONE:
            strcpy(end, ".");
            return;
        case BIT_ORDER_EVALUATE:
            strcpy(end, o.precision == BIT__PRECISION__TERNARY ? "t" : "b");
            break;
        case BIT_ORDER_SCORE:
            strcpy(end, o.precision == BIT__PRECISION__TERNARY ? "q" : "p");
            break;
        case BIT_ORDER_CHECKPOINT:
            strcpy(end, o.pre_switch ? "P" : "C");
            break;
        case BIT_ORDER_SWITCH:
            strcpy(end, "S");
            break;
        case BIT_ORDER_STEP:
            sprintf(end, "%d", (int)o.step);
            break;
        case BIT_ORDER_STOP:
            sprintf(end, "!%d", o.reason);
            bit_order_sequence_advance(c, run, &o);
            return;
        }
        bit_order_sequence_advance(c, run, &o);
        if (o.kind == BIT_ORDER_SCORE) /* reported at once */
            run->eval = (struct bit_run_evals){.known = true, .step = o.step, .count = c->evaluated};
    }
}

TEST(stays_a_few_steps_ahead)
{
    struct bit_run run = make_run(20, -1, 0, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 3, out);
    EXPECT_STREQ(out, "123.");
    run.step = 2;
    play(&run, &c, 3, out);
    EXPECT_STREQ(out, "123.45.");
    bit_run_finish(&run);
}

TEST(a_switch_goes_on_beside_its_checkpoint)
{
    struct bit_run run = make_run(9, 2, 4, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    run.step = 8;
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12PS34C5678C9C."); /* it waits only for the last one */
    bit_order_sequence_checkpointed(&c, 2, false);
    bit_order_sequence_checkpointed(&c, 9, true);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12PS34C5678C9C.!1");
    bit_run_finish(&run);
}

/* A second checkpoint of that boundary, of the ternary phase, would replace the one of the switch. */
TEST(leaving_right_after_the_switch_waits_for_its_checkpoint_and_takes_no_other)
{
    struct bit_run run = make_run(9, 2, 4, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    for (int order = 0; order < 4; order++) { /* 1 2 P S */
        const struct bit_order next = bit_order_sequence_next(&c, &run, 9);
        bit_order_sequence_advance(&c, &run, &next);
    }
    EXPECT_EQ(c.precision, BIT__PRECISION__TERNARY);
    run.state = BIT__RUN_STATE__PAUSING;
    play(&run, &c, 9, out);
    EXPECT_STREQ(out, ".");
    bit_order_sequence_checkpointed(&c, 2, false);
    bit_order_sequence_retry_checkpoint(&c);
    play(&run, &c, 9, out);
    EXPECT_STREQ(out, ".!2");
    bit_run_finish(&run);
}

/* The last checkpoint could not be written: there may be none to go back to. */
TEST(a_switch_waits_for_its_checkpoint_after_one_that_failed)
{
    struct bit_run run = make_run(9, 2, 4, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    run.step = 8;
    run.checkpoints.failures = 1;
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12P.");
    bit_order_sequence_checkpointed(&c, 2, false); /* not written: the switch still waits */
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12P..");
    bit_order_sequence_retry_checkpoint(&c);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12P..P.");
    bit_order_sequence_checkpointed(&c, 2, true);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12P..P.S34C5678C9C."); /* of the others it waits only for the last */
    bit_run_finish(&run);
}

TEST(evaluates_before_it_checkpoints)
{
    struct bit_run run = make_run(4, 2, 2, 2);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12btPS34tC.");
    bit_order_sequence_checkpointed(&c, 4, true);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12btPS34tC.!1");
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12btPS34tC.!1.");
    bit_run_finish(&run);
}

/* Parts come after the order for the checkpoint, and before the order that waits for it. */
TEST(tasks_are_scored_part_by_part)
{
    struct bit_run run = make_run(4, 2, 2, 2);
    struct bit_order_sequence c;
    char out[256] = "";

    add_task(&run, 2);
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12btPpppqqqS34tCqqq.");
    bit_run_finish(&run);
}

static void name_step(uint64_t **at, size_t *count, uint64_t step)
{
    *at = calloc(1, sizeof **at);
    **at = step;
    *count = 1;
}

TEST(steps_named_one_by_one_are_evaluated_and_checkpointed)
{
    struct bit_run run = make_run(4, -1, 0, 1);
    struct bit_order_sequence c;
    char out[256] = "";

    run.spec->eval->every = 0;
    name_step(&run.spec->eval->at, &run.spec->eval->n_at, 2);
    name_step(&run.spec->checkpoint->at, &run.spec->checkpoint->n_at, 3);
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "12bt3C4btC."); /* and at the end, as with `every` */
    bit_run_finish(&run);
}

TEST(a_pause_leaves_the_rest_of_the_tasks_for_later)
{
    struct bit_run run = make_run(9, -1, 0, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    add_task(&run, 0);
    run.spec->eval->tasks_at = calloc(1, sizeof(uint64_t));
    run.spec->eval->tasks_at[0] = 1;
    run.spec->eval->n_tasks_at = 1;
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    for (int i = 0; i < 3; i++) {
        struct bit_order o = bit_order_sequence_next(&c, &run, 9);
        EXPECT_EQ(o.kind, i == 0 ? BIT_ORDER_STEP : BIT_ORDER_SCORE);
        bit_order_sequence_advance(&c, &run, &o);
    }
    run.state = BIT__RUN_STATE__PAUSING;
    run.step = 1;
    play(&run, &c, 9, out);
    EXPECT_STREQ(out, "C.");
    bit_order_sequence_checkpointed(&c, 1, true);
    play(&run, &c, 9, out);
    EXPECT_STREQ(out, "C.!2");
    run.state = BIT__RUN_STATE__TRAINING;
    run.eval = (struct bit_run_evals){.known = true, .step = 1, .count = 2}; /* both parts had been reported */
    bit_order_sequence_init(&c, &run, 1, BIT__PRECISION__SIXTEEN_BIT);
    strcpy(out, "");
    play(&run, &c, 2, out);
    EXPECT_STREQ(out, "pqqq23.");
    bit_run_finish(&run);
}

TEST(few_parts_of_tasks_are_out_at_once)
{
    struct bit_run run = make_run(9, -1, 0, 0);
    struct bit_order_sequence c;
    uint64_t ordered = 0;

    add_task(&run, 1);
    run.spec->eval->task[0]->documents = 100 * BIT_TASK_ORDER_DOCUMENTS;
    bit_order_sequence_init(&c, &run, 1, BIT__PRECISION__TERNARY);
    for (uint64_t reported = 0; reported < 100; reported++) {
        struct bit_order o;
        while ((o = bit_order_sequence_next(&c, &run, 9)).kind == BIT_ORDER_SCORE) {
            EXPECT_EQ(o.part.first, BIT_TASK_ORDER_DOCUMENTS * ordered);
            bit_order_sequence_advance(&c, &run, &o);
            ordered++;
        }
        EXPECT(ordered > reported && ordered <= reported + 8);
        run.eval = (struct bit_run_evals){.known = true, .step = 1, .count = reported + 1};
    }
    EXPECT_EQ(ordered, 100);
    bit_run_finish(&run);
}

/* Without steps the run is one boundary: it ends when everything is evaluated; a pause or a cancel stops it at once. */
TEST(a_run_without_steps_evaluates_and_stops)
{
    struct bit_run run = make_run(0, -1, 5, 1000);
    struct bit_order_sequence c;
    char out[256] = "";

    add_task(&run, 1000);
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 2, out);
    EXPECT_STREQ(out, "btpppqqq!1");
    run.eval = (struct bit_run_evals){.known = true, .step = 0, .count = 6, .parts = 4};
    out[0] = '\0';
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT); /* its worker was lost */
    play(&run, &c, 2, out);
    EXPECT_STREQ(out, "qq!1");
    static const struct {
        Bit__RunState state;
        const char *orders;
    } asked[] = {{BIT__RUN_STATE__PAUSING, "!2"}, {BIT__RUN_STATE__CANCELLING, "!3"}};
    for (size_t i = 0; i < BIT_COUNT(asked); i++) {
        run.eval.count = 6;
        run.state = asked[i].state;
        out[0] = '\0';
        bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
        play(&run, &c, 2, out);
        EXPECT_STREQ(out, asked[i].orders);
        run.eval.count = 8; /* everything is evaluated */
        out[0] = '\0';
        bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
        play(&run, &c, 2, out);
        EXPECT_STREQ(out, "!1");
    }
    bit_run_finish(&run);
}

TEST(a_run_without_steps_evaluates_in_the_precision_that_it_is_told)
{
    static const struct {
        Bit__Precision precision;
        const char *orders;
    } cases[] = {{BIT__PRECISION__SIXTEEN_BIT, "bppp!1"}, {BIT__PRECISION__TERNARY, "tqqq!1"}};

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        struct bit_run run = make_run(0, -1, 5, 1000);
        struct bit_order_sequence c;
        char out[256] = "";
        add_task(&run, 1000);
        run.spec->eval->has_precision = true;
        run.spec->eval->precision = cases[i].precision;
        bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
        play(&run, &c, 2, out);
        EXPECT_STREQ(out, cases[i].orders);
        bit_run_finish(&run);
    }
}

/* Sets in 16-bit, then with each ternary part alone, then in ternary; tasks only in 16-bit and in ternary. */
TEST(the_damage_map_is_of_sets_alone)
{
    struct bit_run run = make_run(0, -1, 5, 1000);
    struct bit_order_sequence c;
    char out[256] = "";

    add_task(&run, 1000);
    run.spec->eval->damage = true;
    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    for (int i = 0; i < 9; i++) {
        const struct bit_order o = bit_order_sequence_next(&c, &run, 2);
        EXPECT_EQ(o.kind, BIT_ORDER_EVALUATE);
        EXPECT_EQ(o.precision, i == 0 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY);
        EXPECT_EQ(o.ternary_part, i < 8 ? i : 0);
        bit_order_sequence_advance(&c, &run, &o);
    }
    run.eval = (struct bit_run_evals){.known = true, .step = 0, .count = 9};
    play(&run, &c, 2, out);
    EXPECT_STREQ(out, "pppqqq!1");
    bit_run_finish(&run);
}

/* A new worker repeats the lost one's steps, but no evaluation up to the last one that is in the journal. */
TEST(evaluations_are_not_repeated)
{
    struct bit_run run = make_run(6, -1, 0, 2);
    struct bit_order_sequence c;
    char out[256] = "";

    add_task(&run, 2);
    run.eval = (struct bit_run_evals){.known = true, .step = 4, .count = 2 + 4};
    bit_order_sequence_init(&c, &run, 1, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 6, out);
    EXPECT_STREQ(out, "234qq56btCpppqqq.");
    bit_run_finish(&run);
}

TEST(parts_of_tasks_cover_every_document_once)
{
    Bit__TaskSpec task[] = {BIT__TASK_SPEC__INIT, BIT__TASK_SPEC__INIT, BIT__TASK_SPEC__INIT};
    Bit__TaskSpec *const list[] = {&task[0], &task[1], &task[2]};
    Bit__EvalSpec eval = BIT__EVAL_SPEC__INIT;
    uint64_t seen[3] = {0};

    eval.task = (Bit__TaskSpec **)(uintptr_t)list;
    eval.n_task = 3;
    task[0].documents = 1;
    task[1].documents = 3 * BIT_TASK_ORDER_DOCUMENTS;
    task[2].documents = BIT_TASK_ORDER_DOCUMENTS + 7;
    EXPECT_EQ(bit_task_orders(&eval), 1 + 3 + 2);
    for (uint64_t i = 0; i < bit_task_orders(&eval); i++) {
        const struct bit_task_order part = bit_task_orders_find(&eval, i);
        EXPECT_EQ(part.first, seen[part.task]);
        EXPECT(part.count > 0 && part.count <= BIT_TASK_ORDER_DOCUMENTS);
        seen[part.task] += part.count;
    }
    for (size_t i = 0; i < 3; i++)
        EXPECT_EQ(seen[i], task[i].documents);
}

TEST(ternary_from_the_first_step_has_nothing_to_keep)
{
    struct bit_run run = make_run(2, 0, 0, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 100, out);
    EXPECT_STREQ(out, "S12C.");
    bit_run_finish(&run);
}

TEST(leaving_takes_a_checkpoint_with_it)
{
    struct bit_run run = make_run(20, 3, 0, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 3, out);
    run.state = BIT__RUN_STATE__PAUSING; /* at the step of the switch, which is not begun */
    run.step = 3;
    play(&run, &c, 3, out);
    EXPECT_STREQ(out, "123.P.");
    bit_order_sequence_checkpointed(&c, 3, true);
    play(&run, &c, 3, out);
    EXPECT_STREQ(out, "123.P.!2");
    bit_run_finish(&run);
}

/* A worker that comes back to a boundary does not repeat the evaluations that the journal has of it. */
TEST(goes_on_in_the_middle_of_a_boundary)
{
    struct bit_run run = make_run(20, 4, 4, 4);
    struct bit_order_sequence c;
    char out[256] = "";

    run.step = 4;
    run.eval.known = true;
    run.eval.step = 4;
    run.eval.count = 1;
    bit_order_sequence_init(&c, &run, 4, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 1, out);
    EXPECT_STREQ(out, "tPS5.");
    bit_order_sequence_init(&c, &run, 4, BIT__PRECISION__TERNARY); /* it had switched before the daemon stopped */
    run.eval.count = 2;
    out[0] = '\0';
    play(&run, &c, 1, out);
    EXPECT_STREQ(out, "5.");
    bit_run_finish(&run);
}

/* The parent made those after step 4, unless the origin says that they are the fork's. */
TEST(a_fork_evaluates_where_it_begins_what_its_parent_did_not)
{
    static const struct {
        bool sets, tasks;
        const char *orders, *again; /* again: after one was reported */
    } cases[] = {{false, false, "5678", "5678"},
                 {true, false, "bt5678", "t5678"},
                 {false, true, "pppqqq5678", "ppqqq5678"},
                 {true, true, "btpppqqq5678", "tpppqqq5678"}};

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        struct bit_run run = make_run(20, -1, 0, 4);
        struct bit_order_sequence c;
        char out[256] = "";
        Bit__ForkOrigin origin = BIT__FORK_ORIGIN__INIT;
        add_task(&run, 0);
        run.spec->eval->tasks_at = calloc(1, sizeof *run.spec->eval->tasks_at);
        run.spec->eval->tasks_at[0] = 4;
        run.spec->eval->n_tasks_at = 1;
        origin.step = run.step = 4;
        origin.has_evaluates_sets = origin.evaluates_sets = cases[i].sets;
        origin.has_evaluates_tasks = origin.evaluates_tasks = cases[i].tasks;
        run.fork = &origin;
        bit_order_sequence_init(&c, &run, 4, BIT__PRECISION__SIXTEEN_BIT);
        play(&run, &c, 4, out);
        out[strlen(out) - 1] = '\0'; /* it waits for step 5's report */
        EXPECT_STREQ(out, cases[i].orders);
        if (cases[i].sets || cases[i].tasks)
            run.eval = (struct bit_run_evals){.known = true, .step = 4, .count = 1};
        out[0] = '\0';
        bit_order_sequence_init(&c, &run, 4, BIT__PRECISION__SIXTEEN_BIT);
        play(&run, &c, 4, out);
        out[strlen(out) - 1] = '\0';
        EXPECT_STREQ(out, cases[i].again);
        run.fork = NULL;
        bit_run_finish(&run);
    }
}

TEST(a_switch_is_never_planned_against_an_order)
{
    struct bit_run run = make_run(20, 10, 0, 0);
    struct bit_order_sequence c;
    char out[256] = "";

    bit_order_sequence_init(&c, &run, 0, BIT__PRECISION__SIXTEEN_BIT);
    play(&run, &c, 4, out);
    EXPECT_EQ(bit_order_sequence_earliest_switch(&c, &run, 0), 4);
    run.step = run.step_max = 2;
    EXPECT_EQ(bit_order_sequence_earliest_switch(&c, &run, 0), 4);
    EXPECT_EQ(bit_order_sequence_earliest_switch(NULL, &run, 6),
              6); /* an earlier daemon may have ordered steps up to 6 */
    run.plan.at_step = 4;
    out[0] = '\0';
    play(&run, &c, 4, out);
    EXPECT_STREQ(out, "PS56.");
    bit_run_finish(&run);
}

TEST(keeps_what_it_should)
{
    struct bit_run run = make_run(100, 15, 5, 0);

    run.spec->checkpoint->keep_every = 20;
    run.checkpoints.list = calloc(9, sizeof *run.checkpoints.list);
    for (size_t i = 0; i < 9; i++)
        run.checkpoints.list[run.checkpoints.count++].step = 5 * (i + 1);
    static const bool kept[9] = {false, false, true, true, false, false, false, true, true};
    for (size_t i = 0; i < 9; i++)
        EXPECT_EQ(bit_checkpoint_retention_keeps(&run, i), kept[i]);
    run.checkpoints.list[0].pinned = true;
    EXPECT(bit_checkpoint_retention_keeps(&run, 0));
    bit_run_finish(&run);
}

static void apply_report(struct bit_run *run, uint64_t step, int error)
{
    char name[32];
    Bit__CheckpointReport report = BIT__CHECKPOINT_REPORT__INIT;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;

    snprintf(name, sizeof name, "step-%08d", (int)step);
    report.after_step = step;
    report.name = name;
    report.error = error;
    r.seq = run->seq + 1;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT;
    r.checkpoint = &report;
    EXPECT_EQ(bit_run_apply(run, &r), 0);
}

/* If the checkpoint that a client asked for could not be written, the next one is pinned instead. */
TEST(what_was_asked_for_is_pinned_or_the_next_instead)
{
    struct bit_run run = make_run(100, -1, 5, 0);
    Bit__CheckpointAsked asked = BIT__CHECKPOINT_ASKED__INIT;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;

    run.seq = 1;
    r.seq = 2;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED;
    r.checkpoint_asked = &asked;
    asked.after_step = 8;
    asked.request_id = (char *)(uintptr_t) "a";
    EXPECT_EQ(bit_run_apply(&run, &r), 0);
    apply_report(&run, 5, 0);
    apply_report(&run, 8, -28);
    apply_report(&run, 10, 0);
    apply_report(&run, 15, 0);
    EXPECT_EQ(run.checkpoints.count, 3u);
    EXPECT(!run.checkpoints.list[0].pinned && run.checkpoints.list[1].pinned && !run.checkpoints.list[2].pinned);
    EXPECT_EQ(run.checkpoints.asked_count, 0u);
    apply_report(&run, 10, 0); /* written again after a restart */
    EXPECT(bit_run_checkpoint_at(&run, 10)->pinned);
    bit_run_finish(&run);
}

TEST(backs_off_and_gives_up)
{
    struct bit_run run = make_run(100, -1, 5, 0);
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__WorkerLost lost = BIT__WORKER_LOST__INIT;
    static const uint64_t ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000};

    run.seq = 1;
    r.seq = 2;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_LOST;
    r.lost = &lost;
    run.step_max = 3;
    for (size_t i = 0; i < 10; i++) {
        run.launch.stood = true;
        EXPECT_EQ(bit_run_apply(&run, &r), 0);
        EXPECT_EQ(run.fruitless, i + 1);
        EXPECT_EQ(bit_run_backoff_ms(&run, 30000), ms[i]);
    }
    run.launch.stood = true;
    run.step_max = 4; /* one step further: the count starts again */
    EXPECT_EQ(bit_run_apply(&run, &r), 0);
    EXPECT_EQ(run.fruitless, 1);
    run.launch.stood = true;
    run.eval.made = 1; /* an evaluation does the same: it is not repeated */
    EXPECT_EQ(bit_run_apply(&run, &r), 0);
    EXPECT_EQ(run.fruitless, 1);
    run.launch.stood = true;
    EXPECT_EQ(bit_run_apply(&run, &r), 0);
    EXPECT_EQ(run.fruitless, 2);
    run.launch.stood = true;
    run.step_max = 5;
    EXPECT_EQ(bit_run_apply(&run, &r), 0);
    EXPECT_EQ(run.restarts, 14);
    for (unsigned i = 1; i <= 40; i++) { /* launches that never became ready are counted apart */
        EXPECT_EQ(bit_run_apply(&run, &r), 0);
        EXPECT_EQ(run.launch.failures, i);
        EXPECT_EQ(bit_run_backoff_ms(&run, 30000), ms[BIT_MIN(i, 10u) - 1]);
    }
    EXPECT_EQ(run.fruitless, 1);
    bit_run_finish(&run);
}

static int put(struct bit_history *h, uint64_t step, double loss, double grad_norm)
{
    const struct bit_fact fact = {.loss = loss, .grad_norm = grad_norm};

    return bit_history_put(h, step, &fact);
}

TEST(history_keeps_the_latest_and_a_thinned_curve)
{
    struct bit_history h;

    bit_history_init(&h);
    for (uint64_t s = 1; s <= 200000; s++)
        EXPECT_EQ(put(&h, s, (double)s, 2.0 * (double)s), 0);
    EXPECT(bit_history_get(&h, 200000 - BIT_HISTORY_EXACT_MAX) == NULL);
    for (uint64_t s = 200001 - BIT_HISTORY_EXACT_MAX; s <= 200000; s += 999)
        EXPECT_EQ(bit_history_get(&h, s)->grad_norm, 2.0 * (double)s);
    EXPECT(h.curve_count > BIT_HISTORY_CURVE_MAX / 4 && h.curve_count <= BIT_HISTORY_CURVE_MAX);
    for (size_t i = 1; i < h.curve_count; i++)
        EXPECT_EQ(h.curve[i].step - h.curve[i - 1].step, h.curve_every);
    EXPECT_EQ(put(&h, 199990, -1, 0), 0); /* the step again after a restart: the curve is cut */
    EXPECT_EQ(bit_history_get(&h, 199990)->loss, -1);
    EXPECT(h.curve[h.curve_count - 1].step <= 199990);
    EXPECT_EQ(bit_history_get(&h, 200000)->loss, 200000);
    bit_history_cut(&h, 190000);
    EXPECT(bit_history_get(&h, 190001) == NULL && bit_history_get(&h, 190000) != NULL);
    EXPECT(h.curve[h.curve_count - 1].step <= 190000);
    EXPECT_EQ(put(&h, 190001, 5, 0), 0); /* and goes on from there */
    EXPECT_EQ(bit_history_get(&h, 190000)->loss, 190000);
    EXPECT_EQ(bit_history_get(&h, 190001)->loss, 5);
    bit_history_cut(&h, 3); /* before everything it has: empty */
    EXPECT(bit_history_get(&h, 3) == NULL && h.first > h.last && h.curve_count == 0);
    EXPECT_EQ(put(&h, 4, 6, 0), 0);
    EXPECT_EQ(bit_history_get(&h, 4)->loss, 6);
    bit_history_finish(&h);
}

TEST_MAIN
