/* Sweeps are expanded into branches: order, assignments and labels; mistakes are reported with their place. */
#include "ctl/spec/sweep_expand.h"
#include "ctl/spec/sweep_labels.h"
#include "proto/err.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

static struct bit_problems problems;

struct made {
    Bit__SweepSpec *sweep;
    struct bit_sweep_branches branches;
    int err;
};

/* `vary`: values of --vary, ended by NULL. */
static struct made make(const char *text, const char *const *vary)
{
    Bit__SweepVary *extra[4];
    struct made m = {0};
    size_t count = 0;

    memset(&problems, 0, sizeof problems);
    EXPECT_EQ(
        bit_text_parse(&bit__sweep_spec__descriptor, text, strlen(text), (ProtobufCMessage **)&m.sweep, &problems), 0);
    for (; vary != NULL && vary[count] != NULL; count++)
        EXPECT_EQ(bit_sweep_vary_parse(vary[count], &extra[count]), 0);
    m.err = bit_sweep_expand(m.sweep, extra, count, &problems, &m.branches);
    if (m.err == 0)
        EXPECT_EQ(bit_sweep_labels_make(&m.branches), 0);
    for (size_t i = 0; i < count; i++)
        bit_msg_free(extra[i]);
    return m;
}

static void drop(struct made *m)
{
    bit_sweep_branches_finish(&m->branches);
    bit_msg_free(m->sweep);
}

static void expect_labels(const char *text, const char *const *vary, const char *const *label, size_t count)
{
    struct made m = make(text, vary);

    EXPECT_EQ(m.err, 0);
    EXPECT_EQ(m.branches.count, count);
    for (size_t i = 0; i < count && i < m.branches.count; i++)
        EXPECT_STREQ(m.branches.item[i].label, label[i]);
    drop(&m);
}
#define LABELS(text, vary, ...)                                                                                        \
    do {                                                                                                               \
        const char *const expected[] = {__VA_ARGS__};                                                                  \
        expect_labels(text, vary, expected, sizeof expected / sizeof *expected);                                       \
    } while (0)

#define AT "vary { field: \"phases.switch.at_step\" value: [\"20\", \"40\"] }"

TEST(single_ones_come_first_and_the_last_field_goes_fastest)
{
    LABELS("grid { " AT " vary { field: \"phases.switch.optimizer\" value: [\"KEEP\", \"RESET\"] } }"
           "branch { label: \"16-bit\" set: \"phases.switch=\" }",
           NULL, "16-bit", "at_step=20 optimizer=KEEP", "at_step=20 optimizer=RESET", "at_step=40 optimizer=KEEP",
           "at_step=40 optimizer=RESET");
}

TEST(the_command_line_goes_over_everything)
{
    const char *const vary[] = {"schedule.peak_lr=1e-3,3e-3", NULL};

    LABELS("grid { " AT " } branch { label: \"16-bit\" set: \"phases.switch=\" }", vary, "no switch peak_lr=1e-3",
           "no switch peak_lr=3e-3", "at_step=20 peak_lr=1e-3", "at_step=20 peak_lr=3e-3", "at_step=40 peak_lr=1e-3",
           "at_step=40 peak_lr=3e-3");
    LABELS("", vary, "peak_lr=1e-3", "peak_lr=3e-3");
    LABELS("", NULL, "base");
}

TEST(all_of_a_seed_come_before_the_next)
{
    struct made m = make("grid { " AT " } seeds: 2", NULL);

    EXPECT_EQ(m.err, 0);
    EXPECT_EQ(m.branches.count, 4);
    if (m.branches.count == 4) {
        EXPECT_STREQ(m.branches.item[1].label, "at_step=40 seed=1");
        EXPECT_STREQ(m.branches.item[2].label, "at_step=20 seed=2");
        EXPECT_EQ(m.branches.item[2].seed, 2);
        EXPECT_STREQ(m.branches.item[2].set[0].text, "phases.switch.at_step=20");
    }
    drop(&m);
    LABELS("seeds: 2", NULL, "seed=1", "seed=2");
}

TEST(labels_are_as_short_as_tells_them_apart)
{
    LABELS("grid { vary { field: \"optimizer.weight_decay\" value: [\"0\", \"0.1\"] }"
           "       vary { field: \"phases.switch.weight_decay\" value: [\"0\", \"0.1\"] } }",
           NULL, "optimizer.weight_decay=0 switch.weight_decay=0", "optimizer.weight_decay=0 switch.weight_decay=0.1",
           "optimizer.weight_decay=0.1 switch.weight_decay=0", "optimizer.weight_decay=0.1 switch.weight_decay=0.1");
    /* Fields that are equal everywhere are left out, paths are cut to their last name, equal labels get a number. */
    LABELS("grid { vary { field: \"data.train\" value: [\"a/x.npy\", \"\\\"b/y.npy\\\"\", \"b/x.npy\"] }"
           "       vary { field: \"model.layers\" value: \"2\" } }",
           NULL, "train=x.npy", "train=y.npy", "train=x.npy #3");
    /* Two grids; one has a field that the other does not set. */
    LABELS("grid { vary { field: \"model.width\" value: \"64\" } vary { field: \"model.heads\" value: \"4\" } }"
           "grid { vary { field: \"model.width\" value: \"32\" } }",
           NULL, "width=64 heads=4", "width=32");
}

TEST(a_comma_within_quotes_and_brackets_parts_nothing)
{
    static const struct {
        const char *text;
        size_t count;
        const char *second;
    } cases[] = {
        {"checkpoint.at=[1, 2],[3]", 2, "[3]"},
        {"eval.set={name: \"a,b\" path: [\"x\",\"y\"]},", 2, ""},
        {"data.train=\"a,b.npy\",c.npy", 2, "c.npy"},
        {"data.tokenizer='it\\'s, well',b", 2, "b"},
        {"phases.switch=,{at_step: 3}", 2, "{at_step: 3}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Bit__SweepVary *v = NULL;
        if (!EXPECT_EQ(bit_sweep_vary_parse(cases[i].text, &v), 0))
            continue;
        EXPECT_EQ(v->n_value, cases[i].count);
        EXPECT_STREQ(v->n_value > 1 ? v->value[1] : "", cases[i].second);
        bit_msg_free(v);
    }
    static const char *const wrong[] = {"x", "=1,2", "x=", "x+=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Bit__SweepVary *v = NULL;
        EXPECT_EQ(bit_sweep_vary_parse(wrong[i], &v), BIT_EUSAGE);
    }
}

static void expect_problem(const char *text, const char *const *vary, int line, int column, const char *needle)
{
    struct made m = make(text, vary);

    EXPECT_EQ(m.err, BIT_ESPEC);
    EXPECT(problems.count >= 1);
    EXPECT_CONTAINS(problems.item[0].text, needle);
    EXPECT_EQ(problems.item[0].line, line);
    EXPECT_EQ(problems.item[0].column, column);
    drop(&m);
}

TEST(mistakes_are_told_where_they_stand)
{
    const char *const twice[] = {"phases.switch.at_step=1,2", NULL}, *const around[] = {"phases.switch=,{}", NULL};

    expect_problem("grid {\n " AT "\n " AT "\n}", NULL, 3, 7, "varies twice");
    expect_problem("grid { " AT " }", twice, 0, 0, "phases.switch.at_step varies twice");
    expect_problem("grid { " AT " }", around, 0, 0, "phases.switch varies twice");
    expect_problem("\nbranch { label: \"x\" set: \"phases.switch.at_step=3\" }", around, 2, 8, "--vary phases.switch");
    expect_problem("grid {\n  vary { value: [\"1\"] } }", NULL, 2, 8, "name the field that varies");
    expect_problem("grid { vary { field: \"a\" } }", NULL, 1, 13, "a varies, but has no values");
    expect_problem("branch { }", NULL, 1, 8, "needs a label");
    expect_problem("branch { set: [\"a.b=1\", \"a=\"] }", NULL, 1, 8, "set twice");
}

TEST(no_more_than_256)
{
    char text[4096] = "grid { vary { field: \"a\" value: [";
    size_t used = strlen(text);

    for (int i = 0; i < 129; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%d\"", i ? ", " : "", i);
    snprintf(text + used, sizeof text - used, "] } vary { field: \"b\" value: [\"1\", \"2\"] } }");
    expect_problem(text, NULL, 1, 6, "more branches than the 256");
    expect_problem("grid { " AT " }\nseeds: 129", NULL, 2, 8, "more branches than the 256");
    expect_problem("seeds: 0", NULL, 1, 8, "each branch needs at least one");
}

TEST_MAIN
