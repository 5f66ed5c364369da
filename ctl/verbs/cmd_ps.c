#include <inttypes.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"

enum { OPT_ALL };
static const struct bit_option options[] = {
    {"all", 'a', NULL, "Also the ended runs."},
    {0},
};

static void print_row(const Bit__RunStatus *s)
{
    char steps[48], rate[BIT_TEXT], eta[BIT_TEXT], loss[16] = "-";

    snprintf(steps, sizeof steps, "%" PRIu64 "/%" PRIu64, s->step, s->steps);
    if (s->last)
        snprintf(loss, sizeof loss, "%.4f", s->last->loss);
    bit_show(stdout, "%-6s %-20.20s %-11s %15s %-8s %8s %9s %8s\n", s->run, s->name, bit_text_state(s->state), steps,
             bit_text_precision(s->precision), loss, s->has_tokens_per_s ? bit_text_count(s->tokens_per_s, rate) : "-",
             s->has_eta_s ? bit_text_duration(s->eta_s, eta) : "-");
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_ps, .cli = cli};
    Bit__ListRequest ask = BIT__LIST_REQUEST__INIT;
    Bit__ListReply *list = NULL;
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        ask.has_all = ask.all = true;
    int code = bit_options_end(&o, got, argc, argv, 0);
    if (code >= 0)
        return code;
    code = bit_connection_ask(cli, BIT_MSG_LIST_REQUEST, &ask, BIT_MSG_LIST_REPLY, &list);
    if (code)
        return code;
    if (cli->json) {
        for (size_t i = 0; i < list->n_run; i++)
            bit_print_json(list->run[i]);
    } else if (cli->quiet) {
        for (size_t i = 0; i < list->n_run; i++)
            bit_show(stdout, "%s\n", list->run[i]->run);
    } else {
        bit_show(stdout, "%-6s %-20s %-11s %15s %-8s %8s %9s %8s\n", "RUN", "NAME", "STATE", "STEP", "PHASE", "LOSS",
                 "TOKENS/S", "LEFT");
        for (size_t i = 0; i < list->n_run; i++)
            print_row(list->run[i]);
    }
    bit_msg_free(list);
    return 0;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run; without curve, held_out and spec, anomaly is the last one"},
    {0},
};

const struct bit_cli_verb bit_cmd_ps = {
    .name = "ps",
    .summary = "list runs",
    .synopsis = "[--all]",
    .description =
        "Lists the runs that are queued, training, paused or otherwise under way; with --all also the ended ones.\n"
        "With --json one object a line, each as `bitctl status` prints it; with -q the ids alone.",
    .options = options,
    .quiet = "The ids alone, one a line.",
    .json = objects,
    .examples = "$ bitctl ps -a\n"
                "$ bitctl ps --json | jq -r 'select(.state==\"training\").run'",
    .run = run,
};
