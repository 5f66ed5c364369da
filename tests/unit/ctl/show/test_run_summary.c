/* bitctl's summary of a run's events: a relaunch takes the curve back, phases are counted separately, and the spike is
 * found. */
#include "ctl/show/run_summary.h"
#include "tests/test.h"

static void add_step(struct bit_run_summary *h, uint64_t step, Bit__Precision precision, double loss)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__StepReport s = BIT__STEP_REPORT__INIT;

    s.step = step;
    s.precision = precision;
    s.loss = loss;
    s.tokens = 1000;
    s.ms = 100;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    r.step = &s;
    EXPECT_EQ(bit_run_summary_add(h, &r), 0);
}

TEST(a_step_trained_again_replaces_itself)
{
    struct bit_run_summary h;

    bit_run_summary_init(&h);
    for (uint64_t s = 1; s <= 5; s++)
        add_step(&h, s, BIT__PRECISION__SIXTEEN_BIT, 10.0 - (double)s);
    add_step(&h, 3, BIT__PRECISION__SIXTEEN_BIT, 7.5);
    EXPECT_EQ(h.count, 3u);
    EXPECT_EQ(h.points[2].step, 3u);
    EXPECT_EQ(h.points[2].loss, 7.5);
    EXPECT_EQ(h.phase[0].steps, 6u);
    bit_run_summary_finish(&h);
}

TEST(the_summary_names_the_spike)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__PhaseSwitched s = BIT__PHASE_SWITCHED__INIT;
    struct bit_run_summary h;
    char *text = NULL;
    size_t bytes = 0;

    bit_run_summary_init(&h);
    for (uint64_t i = 1; i <= 10; i++)
        add_step(&h, i, BIT__PRECISION__SIXTEEN_BIT, 11.0 - 0.5 * (double)i);
    s.after_step = 10;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_SWITCHED;
    r.switched = &s;
    EXPECT_EQ(bit_run_summary_add(&h, &r), 0);
    add_step(&h, 11, BIT__PRECISION__TERNARY, 8.25);
    add_step(&h, 12, BIT__PRECISION__TERNARY, 9.125);
    add_step(&h, 13, BIT__PRECISION__TERNARY, 6.5);
    FILE *f = open_memstream(&text, &bytes);
    bit_run_summary_print(f, &h, "/runs/r1");
    fclose(f);
    EXPECT(strstr(text, "loss at start         10.5000") != NULL);
    EXPECT(strstr(text, "before the switch      6.0000") != NULL);
    EXPECT(strstr(text, "at the spike           9.1250  (step 12)") != NULL);
    EXPECT(strstr(text, "loss at the end        6.5000") != NULL);
    EXPECT(strstr(text, "10k tokens/s") != NULL);
    free(text);
    bit_run_summary_finish(&h);
}

static void evaluate(struct bit_run_summary *h, const char *set, Bit__Precision precision, uint64_t step, double loss)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__EvaluateReport m = BIT__EVALUATE_REPORT__INIT;

    m.set = (char *)(uintptr_t)set;
    m.precision = precision;
    m.after_step = step;
    m.loss = loss;
    m.has_bytes_per_token = true;
    m.bytes_per_token = 4;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_EVALUATED;
    r.evaluated = &m;
    EXPECT_EQ(bit_run_summary_add(h, &r), 0);
}

/* Every set in both precisions, each with its last evaluation. */
TEST(the_summary_has_all_held_out_sets)
{
    struct bit_run_summary h;
    char *text = NULL;
    size_t bytes = 0;

    bit_run_summary_init(&h);
    add_step(&h, 1, BIT__PRECISION__SIXTEEN_BIT, 10);
    for (uint64_t step = 10; step <= 20; step += 10) {
        evaluate(&h, "web", BIT__PRECISION__SIXTEEN_BIT, step, 3);
        evaluate(&h, "web", BIT__PRECISION__TERNARY, step, 60.0 / (double)step);
        evaluate(&h, "books", BIT__PRECISION__SIXTEEN_BIT, step, 2);
    }
    evaluate(&h, "books", BIT__PRECISION__TERNARY, 30, M_LN2 * 4);
    EXPECT_EQ(h.held_out.count, 4u);
    FILE *f = open_memstream(&text, &bytes);
    bit_run_summary_print(f, &h, NULL);
    fclose(f);
    EXPECT_CONTAINS(
        text,
        "  held out             web      16-bit  loss 3.0000, perplexity 20.09, 1.082 bits a byte after step 20\n"
        "                       web    1.58-bit  loss 3.0000, perplexity 20.09, 1.082 bits a byte after step 20\n"
        "                       books    16-bit  loss 2.0000, perplexity 7.39, 0.721 bits a byte after step 20\n"
        "                       books  1.58-bit  loss 2.7726, perplexity 16.00, 1.000 bits a byte after step 30\n");
    free(text);
    bit_run_summary_finish(&h);
}

TEST_MAIN
