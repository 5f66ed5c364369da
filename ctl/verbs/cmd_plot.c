#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/chart_svg.h"
#include "ctl/chart/chart_text.h"
#include "ctl/chart/smooth.h"
#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/branches.h"
#include "ctl/client/plot_series.h"
#include "ctl/show/csv_field.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

enum { OPT_X, OPT_Y, OPT_SMOOTH, OPT_FROM, OPT_TO, OPT_LOG, OPT_EACH, OPT_TITLE, OPT_SVG, OPT_CSV };
static const struct bit_option options[] = {
    {"x", 'x', "AXIS", "The horizontal axis: step, tokens or since-switch."},
    {"y", 'y', "CURVE", "The vertical axis: " BIT_CURVE_WISHES "."},
    {"smooth", 0, "N", "Mean of each value and the N - 1 before it, never across the switch."},
    {"from", 0, "X", "Draw nothing to the left of X."},
    {"to", 0, "X", "Draw nothing to the right of X."},
    {"log", 0, NULL, "A logarithmic vertical axis; values that are not above 0 are left out."},
    {"each", 0, NULL, "A curve for every run, also where several differ in their seeds alone."},
    {"title", 0, "TEXT", "The title above the chart."},
    {"svg", 0, "FILE", "Write the chart into this file, as SVG; - is the standard output."},
    {"csv", 0, NULL, "Comma-separated values, a line for each value of each run."},
    {0},
};

struct wishes {
    enum bit_plot_x x;
    const char *y_text, *title, *svg;
    struct bit_curve_wish y;
    double from, to;
    uint64_t smooth;
    bool log_y, each, csv;
};

/* ---- missing curves */

static void list_sets(const Bit__EvalSpec *eval)
{
    for (size_t i = 0; eval != NULL && i < eval->n_set; i++)
        bit_show(stderr, "%s%s", i > 0 ? ", " : "", eval->set[i]->name);
    bit_show(stderr, "%s\n", eval == NULL || eval->n_set == 0 ? "none" : "");
}

static void list_tasks(const Bit__EvalSpec *eval)
{
    for (size_t i = 0; eval != NULL && i < eval->n_task; i++)
        bit_show(stderr, "%s%s", i > 0 ? ", " : "", eval->task[i]->name);
    bit_show(stderr, "%s\n", eval == NULL || eval->n_task == 0 ? "none" : "");
}

/* Prints why a run has no such curve. */
static void explain(const Bit__RunStatus *s, const struct wishes *w)
{
    const Bit__EvalSpec *eval = s->spec != NULL ? s->spec->eval : NULL;

    bit_show(stderr, "bitctl: %s has no %s: ", s->run, w->y_text);
    if (w->y.what == BIT_CURVE_EVAL) {
        bit_show(stderr, "no evaluation of %s in the requested range; its sets are: ", w->y.name);
        list_sets(eval);
    } else if (w->y.what == BIT_CURVE_TASK) {
        bit_show(stderr, "no score of %s in the requested range; its tasks are: ", w->y.name);
        list_tasks(eval);
    } else if (s->step == 0) {
        bit_show(stderr, "it has done no step\n");
    } else if ((w->y.what == BIT_CURVE_FLIP || w->y.what == BIT_CURVE_ZERO || w->y.what == BIT_CURVE_STRENGTH) &&
               !(s->has_switched && s->switched)) {
        bit_show(stderr, "it has not switched to 1.58 bits\n");
    } else {
        bit_show(stderr, "no such step in the requested range\n");
    }
}

/* ---- reading */

/* The exit code. With since-switch, a run without a switch is left out; a run without the curve is reported. */
static int read_run(struct bit_cli *cli, const struct wishes *w, struct bit_run_curves *run, bool *any)
{
    struct bit_run_curves_bounds bounds = {.smooth = (size_t)w->smooth};

    if (w->x == BIT_PLOT_SINCE_SWITCH && run->switch_after == UINT64_MAX) {
        bit_show(stderr, "bitctl: %s is left out: it has not switched to 1.58 bits\n", run->status->run);
        return 0;
    }
    bit_plot_x_steps(w->x, run, w->from, w->to, &bounds.from, &bounds.to);
    int code = bit_run_curves_read(cli, &w->y, 1, &bounds, run);
    if (code != 0)
        return code;
    bit_run_curves_tell(cli, run);
    *any |= run->curve->count > 0;
    if (run->curve->count == 0)
        explain(run->status, w);
    if (run->curve->every > 1 && (cli->json || w->csv))
        bit_show(stderr,
                 "bitctl: %s has too many steps for all of them: of every %" PRIu64
                 " the first, the lowest, the highest and the last\n",
                 run->status->run, run->curve->every);
    return 0;
}

static int read_all(struct bit_cli *cli, const struct wishes *w, struct bit_branches *b)
{
    bool any = false;

    for (size_t i = 0; i < b->count; i++) {
        int code = read_run(cli, w, &b->run[i].curves, &any);
        if (code != 0)
            return code;
    }
    return any ? 0 : BIT_EXIT_FAILURE;
}

/* ---- numbers */

static void print_csv(const struct bit_branches *b, const struct wishes *w)
{
    const bool at = w->x != BIT_PLOT_STEP;

    bit_show(stdout, "branch,run,step,%s%s", at ? bit_plot_x_name(w->x) : "", at ? "," : "");
    bit_csv_field(stdout, w->y_text);
    bit_show(stdout, "\r\n");
    for (size_t i = 0; i < b->count; i++) {
        const struct bit_run_curves *run = &b->run[i].curves;
        for (size_t k = 0; run->count > 0 && k < run->curve->count; k++) {
            const struct bit_thin_point *p = &run->curve->point[k];
            bit_csv_field(stdout, b->label[b->run[i].branch]);
            bit_show(stdout, ",%s,%" PRIu64, run->status->run, p->step);
            if (at)
                bit_show(stdout, ",%.17g", bit_plot_x_of(w->x, run, p->step));
            if (isfinite(p->value))
                bit_show(stdout, ",%.17g\r\n", p->value);
            else
                bit_show(stdout, ",\r\n");
        }
    }
}

static int print_curve_json(const struct bit_branches *b, size_t i, const struct wishes *w)
{
    const struct bit_run_curves *run = &b->run[i].curves;
    const struct bit_run_curve *c = run->curve;
    uint64_t *step = calloc(c->count + 1, sizeof *step);
    double *at = calloc(c->count + 1, sizeof *at), *value = calloc(c->count + 1, sizeof *value);
    Bit__PlotCurve m = BIT__PLOT_CURVE__INIT;
    int err = step == NULL || at == NULL || value == NULL ? bit_fail(-ENOMEM, "a curve") : 0;

    for (size_t k = 0; k < c->count && err == 0; k++)
        if (isfinite(c->point[k].value)) {
            step[m.n_step] = c->point[k].step;
            at[m.n_step] = bit_plot_x_of(w->x, run, c->point[k].step);
            value[m.n_step++] = c->point[k].value;
        }
    m.run = run->status->run;
    m.branch = b->label[b->run[i].branch];
    m.y = bit_lend(w->y_text);
    m.x = bit_lend(bit_plot_x_name(w->x));
    m.has_switch_after = run->switch_after != UINT64_MAX;
    m.switch_after = m.has_switch_after ? run->switch_after : 0;
    m.every = c->every;
    m.gone_until = run->gone_until;
    m.n_at = m.n_value = m.n_step;
    m.step = step;
    m.at = at;
    m.value = value;
    if (err == 0)
        bit_print_json(&m);
    free(step);
    free(at);
    free(value);
    return err;
}

static int print_json(const struct bit_branches *b, const struct wishes *w)
{
    int err = 0;

    for (size_t i = 0; i < b->count && err == 0; i++)
        if (b->run[i].curves.count > 0)
            err = print_curve_json(b, i, w);
    return err;
}

/* ---- drawings */

static int write_svg(const struct bit_chart *chart, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (f == NULL)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    bit_chart_svg_print(f, chart, 960, 480);
    bool failed = fflush(f) != 0 || ferror(f);
    if (f != stdout)
        failed |= fclose(f) != 0;
    return failed ? bit_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
}

static void draw_text(const struct bit_chart *chart)
{
    struct bit_chart_look look = bit_chart_look_of(stdout);

    look.rows--; /* for the prompt */
    bit_chart_text_draw(stdout, chart, &look);
}

/* The exit code. */
static int draw(struct bit_cli *cli, const struct bit_branches *b, const struct wishes *w)
{
    struct bit_plot_series p;
    char title[BIT_CURVE_TITLE];
    int err = bit_plot_series_make(b, w->x, w->each, &p);
    const struct bit_chart chart = {.title = w->title,
                                    .x_name = w->x == BIT_PLOT_SINCE_SWITCH ? "steps since the switch"
                                                                            : bit_plot_x_name(w->x),
                                    .y_name = bit_curve_wish_title(&w->y, title),
                                    .mark_name = "switch to 1.58 bits",
                                    .series = p.series,
                                    .count = p.count,
                                    .log_y = w->log_y};

    if (err == 0 && p.count > BIT_CHART_SERIES_MAX)
        err = bit_fail(-E2BIG, "%zu curves: no more than %d can be told apart", p.count, BIT_CHART_SERIES_MAX);
    if (err == 0 && !bit_chart_has_points(&chart))
        err = bit_fail(-ENODATA,
                       "no value above 0, which --log needs, or no step that all seeds of a branch have: see --each");
    if (err == 0 && w->svg != NULL)
        err = write_svg(&chart, w->svg);
    else if (err == 0)
        draw_text(&chart);
    bit_plot_series_finish(&p);
    if (err < 0 && w->svg != NULL && err != -ENODATA && err != -E2BIG) {
        bit_failure_print(cli, err);
        return BIT_EXIT_CANTCREATE;
    }
    return err < 0 ? bit_failure_print(cli, err) : 0;
}

static int show(struct bit_cli *cli, const struct bit_branches *b, const struct wishes *w)
{
    if (w->csv) {
        print_csv(b, w);
        return 0;
    }
    int err = cli->json ? print_json(b, w) : 0;
    if (err < 0)
        return bit_failure_print(cli, err);
    return cli->json && w->svg == NULL ? 0 : draw(cli, b, w);
}

/* ---- the verb */

static bool parse_number(const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

/* Takes an option; 0, or the exit code after a mistake was printed. */
static int take_option(void *arg, int option, const char *value)
{
    struct wishes *w = arg;
    static const char *const axes[] = {"step", "tokens", "since-switch", NULL};

    if (option == OPT_X && !bit_plot_x_parse(value, &w->x))
        return bit_usage_names(&bit_cmd_plot, "--x", value, axes);
    if (option == OPT_Y && !bit_curve_wish_parse(value, &w->y))
        return bit_usage_names(&bit_cmd_plot, "--y", value, bit_curve_wish_words);
    if (option == OPT_SMOOTH)
        return bit_options_number(&bit_cmd_plot, option, value, 1, BIT_SMOOTH_MAX, &w->smooth);
    if (option == OPT_FROM && !parse_number(value, &w->from))
        return bit_usage(&bit_cmd_plot, "--from %s: not a number", value);
    if (option == OPT_TO && !parse_number(value, &w->to))
        return bit_usage(&bit_cmd_plot, "--to %s: not a number", value);
    if (option == OPT_Y)
        w->y_text = value;
    if (option == OPT_TITLE)
        w->title = value;
    if (option == OPT_SVG)
        w->svg = value;
    w->log_y |= option == OPT_LOG;
    w->each |= option == OPT_EACH;
    w->csv |= option == OPT_CSV;
    return 0;
}

static int check(const struct bit_cli *cli, const struct wishes *w)
{
    if (w->from > w->to)
        return bit_usage(&bit_cmd_plot, "--from is above --to");
    if (w->csv && (cli->json || w->svg != NULL))
        return bit_usage(&bit_cmd_plot, "--csv goes with neither --json nor --svg");
    if (cli->json && w->svg != NULL && strcmp(w->svg, "-") == 0)
        return bit_usage(&bit_cmd_plot, "--json and --svg - would both go to the standard output");
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct wishes w = {.y_text = "loss", .from = -INFINITY, .to = INFINITY, .smooth = 1};
    struct bit_options o = {&bit_cmd_plot, cli, take_option, &w, .least = 1, .most = BIT_WORDS_MANY};
    struct bit_branches branches = {.count = 0};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    code = check(cli, &w);
    if (code == 0)
        code = bit_branches_open(cli, o.word, (size_t)o.words, &branches);
    if (code == 0)
        code = read_all(cli, &w, &branches);
    if (code == 0)
        code = show(cli, &branches, &w);
    bit_branches_finish(&branches);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__plot_curve__descriptor, "for each run that has the curve"},
    {0},
};

const struct bit_cli_verb bit_cmd_plot = {
    .name = "plot",
    .summary = "draw curves of runs: loss, norms, evaluations, tasks",
    .synopsis =
        "RUN[=LABEL]... [--x AXIS] [--y CURVE] [--smooth N] [--from X] [--to X] [--log] [--each] [--svg FILE | --csv]",
    .description =
        "Draws the curves of runs in the terminal, or as SVG for a paper or a page. Several are told apart by colour\n"
        "and, without colours (NO_COLOR, a pipe), by marks; a vertical line is where a run switched.\n\n"
        "A step that was repeated counts as it was done last, and steps that a rewind or a resume gave up do not\n"
        "count. The curve of a fork begins with its parents' steps, as they were when it forked.\n\n"
        "--y: norm is the gradients' before clipping; flip and zero are the share of codes that a step changed, and\n"
        "that are 0; rate is tokens a second; eval:SET and task:TASK are evaluated in the precision that is trained\n"
        "in, or with \":16bit\" or \":ternary\" behind them in that one throughout. --x tokens is steps times\n"
        "instances times context; since-switch puts every run's own switch at 0.\n\n"
        "--smooth N takes the mean of each value and the N - 1 before it, of fewer at the beginning; it begins anew\n"
        "after the switch, so that a spike stays where it is. Steps outside of --from and --to, which count as --x\n"
        "does, still belong to the means.\n\n"
        "Runs that are the same but for their seeds are drawn as one curve, the mean at every step that all of them\n"
        "have done; SVG has a band of one standard deviation around it. --each draws every run, and --csv and --json\n"
        "always have every run. RUN=LABEL names a curve; runs of one label belong together.\n"
        "A sweep's id or name stands for all of its runs that are there, in its branches.\n\n"
        "Of a run of more than 262,144 steps the first, the lowest, the highest and the last value of every few\n"
        "steps is taken. A run without such a curve is reported and left out; exit 1 if no run has it.",
    .options = options,
    .quiet = "Leave out the notes about steps of runs that no longer exist.",
    .json = objects,
    .examples = "$ bitctl plot @last --smooth 20\n"
                "$ bitctl plot keep reset --x since-switch --from -50 --to 200\n"
                "$ bitctl plot keep reset --y norm --log --svg norm.svg\n"
                "$ bitctl plot @last --y lr --csv > lr.csv",
    .run = run,
};
