#include <stdint.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/run_table.h"
#include "ctl/show/show.h"
#include "ctl/show/sweep_table.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

#define WHERE_MAX 16

enum { OPT_ALL, OPT_WHERE, OPT_SWEEPS };
static const struct bit_option options[] = {
    {"all", 'a', NULL, "Also the ended runs."},
    {"where", 'w', "KEY=VALUE",
     "Only runs that match: a state, a tag, a name, or a field of the specification; may be "
     "repeated."},
    {"sweeps", 0, NULL, "Sweeps instead of runs."},
    {0},
};

/* Prints below the table why runs are blocked or restarting, and when bitd tries again by itself. */
static void print_reasons(const Bit__ListReply *list)
{
    bool first = true;

    for (size_t i = 0; i < list->n_run; i++) {
        const Bit__RunStatus *s = list->run[i];
        const bool waits = s->state == BIT__RUN_STATE__RESTARTING || s->state == BIT__RUN_STATE__BLOCKED;
        const bool damaged = s->state == BIT__RUN_STATE__FAILED && s->exit_code == BIT_EXIT_CORRUPT;
        if (!(waits || damaged) || s->reason == NULL || *s->reason == '\0')
            continue;
        if (first) {
            putchar('\n');
            bit_fold_stdout();
        }
        first = false;
        bit_show(stdout, "%-5s %s\n", s->run, s->reason);
    }
}

/* On a terminal, prints that the table is empty: a header alone leaves that open. */
static void print_none(const char *what, const char *sweeps)
{
    if (bit_terminal(stdout))
        bit_show(stdout, "No %s is under way. `bitctl ps%s --all` lists those that have ended, too.\n", what, sweeps);
}

static int list_runs(struct bit_cli *cli, const Bit__ListRequest *ask)
{
    Bit__ListReply *list = NULL;
    int code = bit_connection_ask(cli, BIT_MSG_LIST_REQUEST, ask, BIT_MSG_LIST_REPLY, &list);

    if (code)
        return code;
    if (cli->json) {
        for (size_t i = 0; i < list->n_run; i++)
            bit_print_json(list->run[i]);
    } else if (cli->quiet) {
        for (size_t i = 0; i < list->n_run; i++)
            bit_show(stdout, "%s\n", list->run[i]->run);
    } else {
        bit_run_table_print(stdout, list->run, list->n_run, bit_terminal_columns(stdout), SIZE_MAX);
        print_reasons(list);
        if (list->n_run == 0 && !ask->all && ask->n_where == 0)
            print_none("run", "");
    }
    bit_msg_free(list);
    return 0;
}

static int list_sweeps(struct bit_cli *cli, bool all)
{
    Bit__SweepListRequest ask = BIT__SWEEP_LIST_REQUEST__INIT;
    Bit__SweepListReply *list = NULL;

    ask.has_all = ask.all = all;
    int code = bit_connection_ask(cli, BIT_MSG_SWEEP_LIST_REQUEST, &ask, BIT_MSG_SWEEP_LIST_REPLY, &list);
    if (code)
        return code;
    if (cli->json) {
        for (size_t i = 0; i < list->n_sweep; i++)
            bit_print_json(list->sweep[i]);
    } else if (cli->quiet) {
        for (size_t i = 0; i < list->n_sweep; i++)
            bit_show(stdout, "%s\n", list->sweep[i]->sweep);
    } else {
        bit_sweep_table_print(stdout, list->sweep, list->n_sweep, bit_terminal_columns(stdout));
        if (list->n_sweep == 0 && !all)
            print_none("sweep", " --sweeps");
    }
    bit_msg_free(list);
    return 0;
}

struct wishes {
    bool sweeps;
    Bit__ListRequest ask;
    char *where[WHERE_MAX];
};

static int take_option(void *arg, int option, const char *value)
{
    struct wishes *w = arg;

    if (option == OPT_ALL)
        w->ask.has_all = w->ask.all = true;
    else if (option == OPT_SWEEPS)
        w->sweeps = true;
    else if (w->ask.n_where < WHERE_MAX)
        w->where[w->ask.n_where++] = bit_lend(value);
    else
        return bit_usage(&bit_cmd_ps, "--where may be given %d times at most", WHERE_MAX);
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct wishes w = {.ask = BIT__LIST_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_ps, cli, take_option, &w, .most = 0};
    const int code = bit_options_parse(&o, argc, argv);

    w.ask.where = w.where;
    if (code >= 0)
        return code;
    if (w.sweeps && w.ask.n_where > 0)
        return bit_usage(&bit_cmd_ps, "--where is for runs: give it without --sweeps");
    return w.sweeps ? list_sweeps(cli, w.ask.has_all) : list_runs(cli, &w.ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run; no curve, held_out and spec; of anomaly and change the last"},
    {&bit__sweep_reply__descriptor, "with --sweeps, for each sweep; no set, note and event"},
    {0},
};

const struct bit_cli_verb bit_cmd_ps = {
    .name = "ps",
    .summary = "list runs, or sweeps",
    .synopsis = "[--all] [--where=KEY=VALUE]... | --sweeps [--all]",
    .description =
        "Lists the runs that are queued, training, paused or otherwise under way, and those whose journal or\n"
        "specification is damaged; with --all also the ended ones.\n"
        "--where state=training, tag=paper, name=keep, or any field, as schedule.peak_lr=3e-4; if repeated, all\n"
        "must hold. A final state lists ended runs, too.\n"
        "BRANCH: the sweep of a run, and the fields in which it differs from the sweep's other runs.\n"
        "--sweeps lists the sweeps themselves: how many runs have completed, how many steps are done, and how many\n"
        "sharing saves. --where sweep=s1 lists the runs of one.\n"
        "Below the table: why runs are blocked or restarting, and when they are tried again; what is damaged.\n"
        "With --json one object a line, each as `bitctl status` prints it; with -q the ids alone.",
    .options = options,
    .quiet = "Print the ids alone, one a line.",
    .json = objects,
    .examples = "$ bitctl ps -a\n"
                "$ bitctl ps -a --where phases.switch.at_step=4000 --where phases.switch.optimizer=RESET\n"
                "$ bitctl ps -a --sweeps\n"
                "$ bitctl ps --json | jq -r 'select(.state==\"training\").run'",
    .run = run,
};
