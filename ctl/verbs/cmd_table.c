#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/smooth.h"
#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/branches.h"
#include "ctl/compare/branch_table.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/branch_effects_print.h"
#include "ctl/verbs/branch_table_print.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"
#include "proto/wire/msg.h"

enum { OPT_BY, OPT_LAST, OPT_SMOOTH, OPT_TRUNK, OPT_PAIRS, OPT_EFFECTS, OPT_CSV, OPT_MARKDOWN };
static const struct bit_option options[] = {
    {"by", 0, "MEASURE", "Order by this column; default: the first set's loss, or the training loss."},
    {"last", 0, "N", "Levels of the training loss are means of N; default: 50."},
    {"smooth", 0, "N", "Recovery is looked for in means of N losses; default: 10."},
    {"trunk", 0, "BRANCH",
     "The branch whose curve the others are to reach again; default: the one that never "
     "switches."},
    {"pairs", 0, NULL, "Every pair of branches, not each with the next one."},
    {"effects", 0, NULL, "Only the effects of the fields that vary."},
    {"csv", 0, NULL, "Comma-separated values: every measure of every branch, or with --effects the effects."},
    {"markdown", 0, NULL, "Tables in Markdown, with every pair."},
    {0},
};

struct wishes {
    const char *by, *trunk;
    struct bit_branch_measures_asked asked;
    bool pairs, effects, csv, markdown;
};

/* ---- reading */

static int read_losses(struct bit_cli *cli, struct bit_branches *b)
{
    static const struct bit_curve_wish loss = {.what = BIT_CURVE_LOSS};
    static const struct bit_run_curves_bounds bounds = {.to = UINT64_MAX};
    int code = 0;

    for (size_t i = 0; i < b->count && code == 0; i++) {
        code = bit_run_curves_read(cli, &loss, 1, &bounds, &b->run[i].curves);
        if (code == 0)
            bit_run_curves_tell(cli, &b->run[i].curves);
    }
    return code;
}

static bool has_switched(const struct bit_branches *b, size_t branch)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->run[i].branch == branch && b->run[i].curves.switch_after != UINT64_MAX)
            return true;
    return false;
}

/* Finds the branch of --trunk, or by default the only one that has not switched. False: --trunk names none. */
static bool find_trunk(const struct bit_branches *b, struct wishes *w)
{
    size_t found = 0;

    w->asked.trunk = SIZE_MAX;
    for (size_t i = 0; i < b->branches; i++)
        if (w->trunk != NULL ? strcmp(b->label[i], w->trunk) == 0 : !has_switched(b, i)) {
            w->asked.trunk = i;
            found++;
        }
    if (w->trunk == NULL && found != 1)
        w->asked.trunk = SIZE_MAX;
    return w->trunk == NULL || found == 1;
}

/* ---- mistakes: each returns the exit code */

static void end_with_hint(const struct bit_nearest *near)
{
    const char *meant = bit_nearest_name(near);

    bit_show(stderr, "%s%s%s\n", meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
}

static int no_trunk(const struct bit_branches *b, const struct wishes *w)
{
    struct bit_nearest near;

    bit_nearest_init(&near, w->trunk, strlen(w->trunk));
    bit_show(stderr, "bitctl: --trunk %s is no branch; there are:", w->trunk);
    for (size_t i = 0; i < b->branches; i++) {
        bit_show(stderr, "%s %s", i > 0 ? "," : "", b->label[i]);
        bit_nearest_offer(&near, b->label[i]);
    }
    end_with_hint(&near);
    return BIT_EXIT_FAILURE;
}

static int no_measure(const struct bit_branch_measures *m, const struct wishes *w)
{
    if (m->count == 0) {
        bit_show(stderr, "bitctl: none of these runs has a loss yet\n");
        return BIT_EXIT_FAILURE;
    }
    struct bit_nearest near;
    bit_nearest_init(&near, w->by, strlen(w->by));
    bit_show(stderr, "bitctl: --by %s is no measure of these runs; there are:", w->by);
    for (size_t i = 0; i < m->count; i++) {
        bit_show(stderr, "%s \"%s\"", i > 0 ? "," : "", m->measure[i].name);
        bit_nearest_offer(&near, m->measure[i].name);
    }
    end_with_hint(&near);
    return BIT_EXIT_FAILURE;
}

static int no_effects(void)
{
    bit_show(stderr, "bitctl: no effects: they need branches of a grid in which two fields vary at least, with a value "
                     "each of the same seed\n");
    return BIT_EXIT_FAILURE;
}

/* ---- printing */

static int print_effects(const Bit__Table *table, const struct wishes *w)
{
    if (w->csv)
        bit_branch_effects_csv(stdout, table);
    else if (w->markdown)
        bit_branch_effects_markdown(stdout, table);
    else
        return bit_branch_effects_print(stdout, table, bit_terminal_columns(stdout));
    return 0;
}

static int print(struct bit_cli *cli, const Bit__Table *table, const struct wishes *w)
{
    if (cli->json)
        bit_print_json(table);
    else if (w->effects)
        return print_effects(table, w);
    else if (w->csv)
        bit_branch_table_csv(stdout, table);
    else if (w->markdown)
        bit_branch_table_markdown(stdout, table);
    else
        return bit_branch_table_print(stdout, table, bit_terminal_columns(stdout), w->pairs);
    return 0;
}

static int make(struct bit_cli *cli, const struct bit_branches *b, const struct wishes *w)
{
    struct bit_branch_measures m;
    Bit__Table *table = NULL;
    int err = bit_branch_measures_make(b, &w->asked, &m), code = 0;
    const size_t by = w->by != NULL ? bit_branch_measures_find(&m, w->by) : 0;

    if (err == 0 && by >= m.count)
        code = no_measure(&m, w);
    else if (err == 0)
        err = bit_branch_table_make(b, &m, by, &w->asked, &table);
    if (err == 0 && code == 0 && w->effects && table->n_effect == 0)
        code = no_effects();
    else if (err == 0 && code == 0)
        err = print(cli, table, w);
    bit_msg_free(table);
    bit_branch_measures_finish(&m);
    return err < 0 ? bit_failure_print(cli, err) : code;
}

/* ---- the verb */

static int take_count(int option, const char *value, size_t *out)
{
    uint64_t n = *out;
    const int code = bit_options_number(&bit_cmd_table, option, value, 1, BIT_SMOOTH_MAX, &n);

    *out = (size_t)n;
    return code;
}

/* Takes an option; 0, or the exit code after a mistake was printed. */
static int take_option(void *arg, int option, const char *value)
{
    struct wishes *w = arg;

    if (option == OPT_BY)
        w->by = value;
    if (option == OPT_TRUNK)
        w->trunk = value;
    if (option == OPT_LAST)
        return take_count(option, value, &w->asked.last);
    if (option == OPT_SMOOTH)
        return take_count(option, value, &w->asked.smooth);
    w->pairs |= option == OPT_PAIRS;
    w->effects |= option == OPT_EFFECTS;
    w->csv |= option == OPT_CSV;
    w->markdown |= option == OPT_MARKDOWN;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct wishes w = {.asked = {.last = 50, .smooth = 10}};
    struct bit_options o = {&bit_cmd_table, cli, take_option, &w, .least = 1, .most = BIT_WORDS_MANY};
    struct bit_branches branches = {.count = 0};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (cli->json + w.csv + w.markdown > 1)
        return bit_usage(&bit_cmd_table, "one of --json, --csv and --markdown");
    code = bit_branches_open(cli, o.word, (size_t)o.words, &branches);
    if (code == 0 && !find_trunk(&branches, &w))
        code = no_trunk(&branches, &w);
    if (code == 0)
        code = read_losses(cli, &branches);
    if (code == 0)
        code = make(cli, &branches, &w);
    bit_branches_finish(&branches);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__table__descriptor, "once"},
    {0},
};

const struct bit_cli_verb bit_cmd_table = {
    .name = "table",
    .summary = "compare branches of runs: losses, spikes, recovery, and what is noise",
    .synopsis = "RUN[=LABEL]... [--by MEASURE] [--last N] [--smooth N] [--trunk BRANCH] [--pairs] [--effects] "
                "[--csv | --markdown]",
    .description =
        "A row for each branch: runs that are the same but for their seeds are one, and RUN=LABEL puts runs of\n"
        "one label together; a sweep's id or name stands for its branches. Numbers are means over runs, with their\n"
        "standard deviation.\n\n"
        "Columns are the loss of each set at its last evaluation, in the precision that the run trains in then,\n"
        "and \"SET, 16bit\" or \"SET, ternary\" where it was evaluated in the other as well; \"train loss\", the\n"
        "mean of the last 50 training losses (--last); the newest score of each task; and of runs that switched:\n"
        "\"spike\", the highest loss of the ramp and the 50 steps after it, less the mean of the last 50 before\n"
        "the switch; \"recovered\", the steps after the switch until the mean of the last 10 losses (--smooth),\n"
        "none from before the switch, is no higher than that level; \"to trunk\", until it is no higher than the\n"
        "same mean of the run of the same seed that never switches. A time that only some runs of a branch\n"
        "reached has no mean: \"2 of 3\" says how many.\n\n"
        "Then the order: each branch and the next one, with the difference of their means, its 95% confidence\n"
        "interval and p. Runs of the same seed saw the same data, so their differences are tested (Student's\n"
        "paired t-test); where fewer than two seeds are in both branches, all runs of both (Welch's). p is\n"
        "corrected for all pairs of branches after Holm, and an order holds where it is then below 0.05. Three\n"
        "seeds leave two degrees of freedom: a difference within noise may exist, but be too small for three runs\n"
        "to show.\n\n"
        "Last, if two or more fields vary in a grid, the effect of each. Branches that set the same fields are a\n"
        "grid (of a sweep; of runs that are named, those fields in which their specifications differ). Two values\n"
        "of a field are compared over all pairs of branches that are alike in everything else: the differences of\n"
        "these pairs are averaged for each seed, and the averages, one a seed, are tested (paired t, seeds less 1\n"
        "degrees of freedom), for pairs of one seed are not independent. A branch that is paired with none\n"
        "(\"16-bit\") is compared with the values of the first field in which it has none of the grid's, over all\n"
        "branches that have that value. Seeds that one of the pairs lacks are left out. p is corrected for all\n"
        "effects after Holm; the verdict is \"lower\" where it is then below 0.05. PAIRS counts pairs times\n"
        "seeds, and in how many of them the difference has this sign. Fields that only change together (\"width,\n"
        "heads\") are one.",
    .options = options,
    .quiet = "Leave out the notes about steps of runs that no longer exist.",
    .json = objects,
    .examples = "$ bitctl table keep reset\n"
                "$ bitctl table keep reset --by \"train loss\" --json | jq .effect\n"
                "$ bitctl table r1=keep r2=keep r3=reset r4=reset --by \"train loss\" --markdown\n"
                "$ bitctl table keep reset --json | jq -r '.order[] | [.lower, .higher, .p_holm, .verdict] | @tsv'",
    .run = run,
};
