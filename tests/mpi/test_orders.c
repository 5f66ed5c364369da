/* The checks of an order before it is sent to the ranks. */
#include <string.h>

#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/test.h"
#include "worker/action.h"

static struct bit_worker_plan plan = {.instances = 8, .context = 32, .token_bytes = 2, .blends = true};

static int read_order(uint16_t type, void *msg, size_t payload_bytes, struct bit_action *out)
{
    const struct bit_link_order order = {.type = type, .msg = msg, .payload_bytes = payload_bytes};

    return bit_action_from_order(&order, &plan, out);
}

static Bit__StepOrder a_step(void)
{
    Bit__StepOrder step = BIT__STEP_ORDER__INIT;

    step.step = 5;
    step.precision = BIT__PRECISION__TERNARY;
    step.strength = 0.5;
    step.lr = 1e-3;
    step.weight_decay = 0.1;
    step.instances = 8;
    step.token_bytes = 8 * 32 * 2;
    return step;
}

TEST(a_step_arrives_whole)
{
    Bit__StepOrder step = a_step();
    struct bit_action action;

    step.has_digest = step.digest = true;
    if (!EXPECT_EQ(read_order(BIT_MSG_STEP_ORDER, &step, 512, &action), 0))
        return;
    EXPECT_EQ(action.kind, BIT_ACTION_STEP);
    EXPECT_EQ(action.step, 5);
    EXPECT_EQ(action.precision, BIT__PRECISION__TERNARY);
    EXPECT_EQ(action.strength, 0.5);
    EXPECT_EQ(action.instances, 8);
    EXPECT(action.digest);
}

TEST(strength_means_nothing_in_16_bit)
{
    Bit__StepOrder step = a_step();
    struct bit_action action;

    step.precision = BIT__PRECISION__SIXTEEN_BIT;
    EXPECT_EQ(read_order(BIT_MSG_STEP_ORDER, &step, 512, &action), 0);
    EXPECT_EQ(action.strength, 1);
}

static void expect_step_refused(const Bit__StepOrder *step, size_t payload_bytes)
{
    struct bit_action action = {.step = 99};
    Bit__StepOrder copy = *step;

    EXPECT_EQ(read_order(BIT_MSG_STEP_ORDER, &copy, payload_bytes, &action), BIT_EMESSAGE);
    EXPECT_EQ(action.step, 99); /* untouched */
}

TEST(numbers_outside_their_ranges_are_refused)
{
    Bit__StepOrder step = a_step();

    expect_step_refused(&step, 511);
    expect_step_refused(&step, 0);
    step.instances = 7;
    expect_step_refused(&step, 7 * 32 * 2);
    step = a_step();
    step.strength = 0;
    expect_step_refused(&step, 512);
    step.strength = 1.5;
    expect_step_refused(&step, 512);
    step = a_step();
    plan.blends = false; /* without a ramp no memory is planned for blends */
    expect_step_refused(&step, 512);
    plan.blends = true;
    step = a_step();
    step.lr = -1e-9;
    expect_step_refused(&step, 512);
    step = a_step();
    step.weight_decay = -1;
    expect_step_refused(&step, 512);
}

TEST(names_stay_inside_their_folder)
{
    static const char *const bad[] = {
        "",    ".",    "..",      "../etc",
        "a/b", "/tmp", ".hidden", "name-of-more-than-sixty-four-characters-which-no-checkpoint-ever-has"};
    Bit__CheckpointOrder order = BIT__CHECKPOINT_ORDER__INIT;
    struct bit_action action;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        order.name = (char *)(uintptr_t)bad[i];
        EXPECT_EQ(read_order(BIT_MSG_CHECKPOINT_ORDER, &order, 0, &action), BIT_EMESSAGE);
    }
    char good[] = "step-00002000";
    order.name = good;
    order.after_step = 2000;
    order.pre_switch = true;
    order.has_strength = order.has_next_batch = true;
    order.strength = 0.25;
    order.next_batch = 2001;
    EXPECT_EQ(read_order(BIT_MSG_CHECKPOINT_ORDER, &order, 0, &action), 0);
    EXPECT_STREQ(action.name, good);
    EXPECT(action.pre_switch);
    EXPECT_EQ(action.strength, 0.25);
    EXPECT_EQ(action.next_batch, 2001u);
    order.strength = 1.5;
    EXPECT_EQ(read_order(BIT_MSG_CHECKPOINT_ORDER, &order, 0, &action), BIT_EMESSAGE);
}

TEST(betas_of_a_switch_are_below_one)
{
    Bit__PhaseSwitch order = BIT__PHASE_SWITCH__INIT;
    struct bit_action action;

    order.after_step = 3;
    order.precision = BIT__PRECISION__TERNARY;
    order.optimizer = BIT__OPTIMIZER_AT_SWITCH__RESET;
    order.beta1 = 0.9;
    order.beta2 = 0.95;
    EXPECT_EQ(read_order(BIT_MSG_PHASE_SWITCH, &order, 0, &action), 0);
    EXPECT_EQ(action.phase.optimizer, BIT__OPTIMIZER_AT_SWITCH__RESET);
    EXPECT_EQ(action.phase.beta2, 0.95);
    order.beta2 = 1;
    EXPECT_EQ(read_order(BIT_MSG_PHASE_SWITCH, &order, 0, &action), BIT_EMESSAGE);
}

TEST(an_evaluation_needs_its_tokens)
{
    char set[] = "books";
    Bit__EvaluateOrder order = BIT__EVALUATE_ORDER__INIT;
    struct bit_action action;

    order.set = set;
    order.precision = BIT__PRECISION__TERNARY;
    order.instances = 3;
    EXPECT_EQ(read_order(BIT_MSG_EVALUATE_ORDER, &order, 3 * 64, &action), 0);
    EXPECT_EQ(read_order(BIT_MSG_EVALUATE_ORDER, &order, 2 * 64, &action), BIT_EMESSAGE);
    order.instances = 0;
    EXPECT_EQ(read_order(BIT_MSG_EVALUATE_ORDER, &order, 0, &action), BIT_EMESSAGE);
}

static void expect_score_refused(uint32_t tokens, uint32_t continuation, size_t count, size_t bytes, const char *says)
{
    Bit__ScoreOrder order = BIT__SCORE_ORDER__INIT;
    uint32_t all_tokens[] = {4, tokens}, all_continuations[] = {1, continuation};
    struct bit_action action = {.step = 99};

    order.precision = BIT__PRECISION__TERNARY;
    order.tokens = all_tokens;
    order.n_tokens = count;
    order.continuation = all_continuations;
    order.n_continuation = 2;
    EXPECT_EQ(read_order(BIT_MSG_SCORE_ORDER, &order, bytes, &action), BIT_EMESSAGE);
    EXPECT_CONTAINS(bit_fail_text(), says);
    EXPECT_EQ(action.step, 99);
}

TEST(requests_are_checked_before_anything_is_made_of_them)
{
    static uint32_t many[BIT_SCORE_REQUESTS_MAX + 1];
    Bit__ScoreOrder order = BIT__SCORE_ORDER__INIT;
    uint32_t tokens[] = {4, 33}, continuation[] = {1, 32};
    struct bit_action action;

    order.after_step = 7;
    order.tag = 12;
    order.precision = BIT__PRECISION__TERNARY;
    order.tokens = tokens;
    order.continuation = continuation;
    order.n_tokens = order.n_continuation = 2;
    if (EXPECT_EQ(read_order(BIT_MSG_SCORE_ORDER, &order, 37 * 2, &action), 0)) {
        EXPECT_EQ(action.kind, BIT_ACTION_SCORE);
        EXPECT_EQ(action.step, 7);
        EXPECT_EQ(action.requests, 2);
        EXPECT_EQ(action.ids, 37);
        EXPECT_EQ(action.tag, 12);
    }
    expect_score_refused(34, 1, 2, 38 * 2, "request 1 of 34 tokens is longer than the model's context of 32");
    expect_score_refused(UINT32_MAX, 1, 2, 3 * 2, "request 1 of 4294967295 tokens is longer");
    expect_score_refused(5, 5, 2, 9 * 2, "request 1 of 5 tokens has 5 of continuation");
    expect_score_refused(5, 0, 2, 9 * 2, "request 1 of 5 tokens has 0 of continuation");
    expect_score_refused(5, 1, 1, 4 * 2, "1 requests with 2 continuations");
    expect_score_refused(5, 1, 2, 9 * 2 - 1, "9 tokens with 17 bytes");
    expect_score_refused(5, 1, 2, (size_t)BIT_SCORE_TOKEN_BYTES_MAX + 2, "bytes");
    order.tokens = order.continuation = many;
    order.n_tokens = order.n_continuation = BIT_SCORE_REQUESTS_MAX + 1;
    EXPECT_EQ(read_order(BIT_MSG_SCORE_ORDER, &order, 0, &action), BIT_EMESSAGE);
    order.n_tokens = order.n_continuation = 0;
    EXPECT_EQ(read_order(BIT_MSG_SCORE_ORDER, &order, 0, &action), BIT_EMESSAGE);
}

TEST(a_second_welcome_is_no_order)
{
    Bit__Welcome welcome = BIT__WELCOME__INIT;
    struct bit_action action;

    EXPECT_EQ(read_order(BIT_MSG_WELCOME, &welcome, 0, &action), BIT_EMESSAGE);
}

TEST(only_the_next_step_of_this_phase_may_be_done)
{
    Bit__PhaseState phase = BIT__PHASE_STATE__INIT;
    struct bit_action step = {.kind = BIT_ACTION_STEP, .step = 8, .precision = BIT__PRECISION__TERNARY};
    const enum bit_action_kind at_boundary[] = {BIT_ACTION_SWITCH, BIT_ACTION_CHECKPOINT, BIT_ACTION_EVALUATE,
                                                BIT_ACTION_SCORE};

    phase.precision = BIT__PRECISION__TERNARY;
    EXPECT_EQ(bit_action_check(&step, 7, &phase), 0);
    EXPECT_EQ(bit_action_check(&step, 8, &phase), BIT_EPHASE);
    EXPECT_EQ(bit_action_check(&step, 6, &phase), BIT_EPHASE);
    phase.precision = BIT__PRECISION__SIXTEEN_BIT;
    EXPECT_EQ(bit_action_check(&step, 7, &phase), BIT_EPHASE);
    for (int i = 0; i < 4; i++) {
        struct bit_action action = {.kind = at_boundary[i], .step = 7};
        EXPECT_EQ(bit_action_check(&action, 7, &phase), 0);
        EXPECT_EQ(bit_action_check(&action, 8, &phase), BIT_EPHASE);
    }
    struct bit_action stop = {.kind = BIT_ACTION_STOP};
    EXPECT_EQ(bit_action_check(&stop, 7, &phase), 0);
}

TEST_MAIN
