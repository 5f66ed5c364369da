#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/chart/chart_text.h"
#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/cli/submit_options.h"
#include "ctl/client/connection.h"
#include "ctl/client/sweep_follow.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/sweep_tree.h"
#include "ctl/spec/sweep_submit.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

enum { OPT_VARY, OPT_SEEDS };
static const struct bit_option options[] = {
    {"vary", 0, "FIELD=A,B,...",
     "A branch for each value; several are combined. A comma within quotes or brackets does not separate values: "
     "checkpoint.at=[100,200],[300]."},
    {"seeds", 0, "N", "Each branch N times, with model.init_seed and data.seed counted up."},
    {"set", 's', "KEY=VALUE", "Change a field of every branch; may be repeated; += appends to a list."},
    {"name", 0, "NAME", "The sweep's name, instead of the file's; its runs are NAME-1, NAME-2, ..."},
    {"dry-run", 'n', NULL,
     "Check every branch and draw the plan: which branch continues from which, and what that "
     "saves."},
    {"follow", 'f', NULL, "Watch all branches until the last has ended; ends with the sweep's exit code."},
    {"wait", 'w', NULL, "Wait for the end of all in silence; ends with the sweep's exit code."},
    {"paused", 0, NULL, "Accept the sweep, but start it only at `bitctl resume`."},
    BIT_QUEUE_OPTIONS,
    {"request-id", 0, "ID", "Submit once for each ID: a repeated ID returns the existing sweep."},
    {0},
};

/* ---- the command line */

static int add_vary(struct bit_sweep_submit *s, const char *value)
{
    if (s->vary_count == BIT_SWEEP_VARIES_MAX)
        return bit_usage(&bit_cmd_sweep, "--vary may be given %d times at most", BIT_SWEEP_VARIES_MAX);
    int err = bit_sweep_vary_parse(value, &s->vary[s->vary_count]);
    if (err < 0)
        return bit_usage(&bit_cmd_sweep, "%s", bit_fail_text());
    s->vary_count++;
    return 0;
}

static int take_seeds(struct bit_sweep_submit *s, const char *value)
{
    uint64_t seeds = 0;
    const int code = bit_options_number(&bit_cmd_sweep, OPT_SEEDS, value, 1, BIT_SWEEP_BRANCHES_MAX, &seeds);

    s->seeds = (uint32_t)seeds;
    return code;
}

static int take_option(void *arg, int option, const char *value)
{
    struct bit_sweep_submit *s = arg;

    if (option == OPT_VARY)
        return add_vary(s, value);
    return option == OPT_SEEDS ? take_seeds(s, value) : bit_submit_options_take(&s->run, option, value);
}

/* A sweep file may have a single branch; a specification without --vary and --seeds is a plain run. */
static bool nothing_varies(const struct bit_sweep_submit *s)
{
    return !s->file.is_sweep && s->vary_count == 0 && s->seeds == 0;
}

/* ---- the plan */

static void print_plan(const struct bit_sweep_submit *s, const Bit__SweepReply *plan, bool alone)
{
    const struct bit_chart_look screen = bit_chart_look_of(stdout);
    const struct bit_sweep_look look = {
        .columns = bit_terminal_columns(stdout), .utf8 = screen.utf8, .colour = screen.colour};
    char tokens[BIT_TEXT];

    bit_sweep_tree_print(stdout, plan, &look);
    bit_show(stdout, "\n");
    bit_sweep_saving_print(stdout, plan);
    bit_show(stdout, "%s tokens in all\n", bit_text_count((double)bit_sweep_submit_tokens(s, plan), tokens));
    for (size_t i = 0; i < plan->n_note; i++)
        bit_show(stdout, "note: %s\n", plan->note[i]);
    if (alone)
        bit_show(stdout, "No bitd answers: only it knows which steps branches have in common.\n");
}

static int dry_run(struct bit_cli *cli, struct bit_sweep_submit *s)
{
    const bool alone = !bit_connection_is_there(cli);
    Bit__SweepReply *plan = alone ? bit_sweep_submit_alone(s) : NULL;
    int code = alone ? 0 : bit_sweep_submit_ask(cli, s, &plan);

    if (code != 0)
        return code;
    if (plan == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "a plan"));
    if (cli->json)
        bit_print_json(plan);
    else if (!cli->quiet)
        print_plan(s, plan, alone);
    bit_msg_free(plan);
    return 0;
}

/* ---- submission */

static int submit(struct bit_cli *cli, struct bit_sweep_submit *s)
{
    const struct bit_submit_options *how = &s->run;
    Bit__SweepReply *reply = NULL;
    char id[BIT_RUN_ID_MAX];
    int code = bit_sweep_submit_ask(cli, s, &reply);

    if (code != 0)
        return code;
    snprintf(id, sizeof id, "%s", reply->sweep);
    if (cli->json && !how->follow && !how->wait)
        bit_print_json(reply);
    else if (bit_submit_options_wants_sentence(cli, how, id, reply->name, reply->known)) {
        bit_show(stdout, "submitted %s as %s%s: ", reply->name, id, how->paused ? ", paused" : "");
        bit_sweep_saving_print(stdout, reply);
    }
    fflush(stdout);
    bit_msg_free(reply);
    return how->follow ? bit_sweep_follow(cli, id) : how->wait ? bit_sweep_wait(cli, id) : 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_sweep_submit *s = calloc(1, sizeof *s);
    struct bit_options o = {&bit_cmd_sweep, cli, take_option, s, .least = 1, .most = 1};

    if (s == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "a sweep"));
    s->run.verb = &bit_cmd_sweep;
    int code = bit_options_parse(&o, argc, argv);
    if (code < 0)
        code = bit_submit_options_check(&s->run);
    if (code < 0) {
        s->file.path = o.word[0];
        code = bit_sweep_submit_read(cli, s);
        if (code == 0 && nothing_varies(s))
            code = bit_usage(&bit_cmd_sweep,
                             "nothing varies: --vary or --seeds makes branches; `bitctl submit` trains one run");
        if (code == 0)
            code = s->run.dry_run ? dry_run(cli, s) : submit(cli, s);
    }
    bit_sweep_submit_finish(s);
    free(s);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__sweep_reply__descriptor,
     "once the sweep is accepted; the plan with --dry-run; with --follow after every change, with --wait at the end"},
    {0},
};

const struct bit_cli_verb bit_cmd_sweep = {
    .name = "sweep",
    .summary = "train many runs that differ in a few fields; shared steps are trained once",
    .synopsis = "SPEC [--vary FIELD=A,B,...]... [--seeds=N] [--set KEY=VALUE]... [--name=NAME] "
                "[--dry-run | --follow | --wait] [--paused] [--priority=N] [--after=RUN]... [--request-id=ID]",
    .description =
        "Makes a branch of every combination of the values that vary, and a run of every branch. Steps that\n"
        "branches have in common are trained once: a branch begins as a fork (`bitctl fork`) of an earlier one,\n"
        "after the last step up to which both are the same run, bit for bit. Branches of different seeds share\n"
        "nothing. A branch that fails is reported; the others go on. --dry-run draws the plan and prints what\n"
        "sharing saves.\n\n"
        "SPEC is a run's specification, or a sweep file (*.sweep, SweepSpec in protobuf text format):\n\n"
        "  name: \"when\"\n"
        "  from: \"run.txtpb\"                      the specification beside it; or run { ... } in place of it\n"
        "  branch { label: \"16-bit\" set: \"phases.switch=\" }\n"
        "  grid {\n"
        "    vary { field: \"phases.switch.at_step\" value: [\"2000\", \"4000\"] }\n"
        "    vary { field: \"phases.switch.optimizer\" value: [\"KEEP\", \"RESET\"] }\n"
        "  }\n"
        "  seeds: 3\n\n"
        "Each combination of a grid is a branch, and so is each `branch`, whose assignments are written as for\n"
        "--set; --vary applies to all of them. An empty value leaves a field out. Single branches come first,\n"
        "then the grids, the last field fastest; all of the first seed before those of the second. Branches fork\n"
        "from earlier ones, so put the trunk first. Relative paths are relative to the specification's folder.\n"
        "256 branches at most.\n\n"
        "The sweep's id (s1) or name stands for all its runs in status, top, wait, pause, resume, cancel and rm;\n"
        "`bitctl ps --where sweep=s1` lists them, and `bitctl ps --sweeps` lists sweeps. The exit code is 0 if\n"
        "every branch completed, 100 if one failed, 103 if one was cancelled.",
    .options = options,
    .quiet = "Print the sweep's id alone; of --dry-run mistakes.",
    .json = objects,
    .examples = "$ bitctl sweep run.txtpb --vary phases.switch.at_step=2000,4000 --dry-run\n"
                "$ bitctl sweep when.sweep --seeds 3 --dry-run",
    .run = run,
};
