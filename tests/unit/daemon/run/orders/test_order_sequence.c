/* Which order comes next: what was evaluated, written, switched and trained decides, and how a run ends. */
#include "daemon/run/orders/order_sequence.h"

#include "tests/run_of.h"

/* A run that switches after `switch_at` (-1: never), and has a set if it evaluates. */
static struct bit_run make_run(uint64_t steps, int64_t switch_at, uint64_t checkpoint_every, uint64_t eval_every)
{
    struct bit_run run;
    char text[512];
    int n = snprintf(text, sizeof text, "schedule { steps: %d } checkpoint { every: %d } eval { every: %d %s }",
                     (int)steps, (int)checkpoint_every, (int)eval_every,
                     eval_every > 0 ? "set { name: 'a' path: '/a' }" : "");

    if (switch_at >= 0)
        snprintf(text + n, sizeof text - (size_t)n, "phases { switch { at_step: %d } }", (int)switch_at);
    test_run_init(&run, test_spec_normalised(text, NULL));
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

TEST_MAIN
