#include <inttypes.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/client/sweep_follow.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/curve.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/status_page.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"

enum { OPT_CURVE };
static const struct bit_option options[] = {
    {"curve", 0, NULL, "Also draw the loss curve."},
    {0},
};

static int show_sweep(struct bit_cli *cli, const char *sweep)
{
    Bit__SweepReply *reply = NULL;
    int code = bit_sweep_word_ask(cli, sweep, &reply);

    if (code)
        return code;
    if (cli->json)
        bit_print_json(reply);
    else if (cli->quiet)
        bit_show(stdout, "%s\n", bit_text_state(reply->state));
    else
        bit_sweep_page_print(stdout, reply);
    bit_msg_free(reply);
    return 0;
}

static int show(struct bit_cli *cli, Bit__StatusRequest *ask, int columns, bool first)
{
    Bit__RunStatus *status = NULL;
    char sweep[BIT_RUN_ID_MAX];
    int code = bit_sweep_word(cli, ask->run, sweep);

    if (code != 0)
        return code < 0 ? show_sweep(cli, sweep) : code;
    code = bit_connection_ask(cli, BIT_MSG_STATUS_REQUEST, ask, BIT_MSG_RUN_STATUS, &status);

    if (code)
        return code;
    if (!first && !cli->json && !cli->quiet)
        bit_show(stdout, "\n");
    if (cli->json)
        bit_print_json(status);
    else if (cli->quiet)
        bit_show(stdout, "%s\n", bit_text_state(status->state));
    else
        bit_status_page_print(stdout, status, columns, 12);
    bit_msg_free(status);
    return 0;
}

static int take_curve(void *arg, int option, const char *value)
{
    Bit__StatusRequest *ask = arg;

    ask->has_points = true;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_status, cli, take_curve, &ask, .least = 1, .most = BIT_WORDS_MANY};
    int columns, rows, first = 0, code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    bit_terminal_size(stdout, &columns, &rows);
    if (ask.has_points)
        ask.points = 4 * (uint32_t)columns;
    if (!cli->json)
        bit_fold_stdout();
    for (int i = 0; i < o.words && first != BIT_EXIT_UNAVAILABLE; i++) {
        ask.run = o.word[i];
        code = show(cli, &ask, columns, i == 0);
        first = first ? first : code;
    }
    return first;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run; with --curve it has a curve"},
    {&bit__sweep_reply__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_status = {
    .name = "status",
    .summary = "show a run: state, step, phase, loss, speed",
    .synopsis = "RUN|SWEEP... [--curve]",
    .description =
        "Shows where a run is: its state and why, step, phase and strength, loss and gradient norm, the time a\n"
        "step takes and where it goes, the zeros and flips of the ternary codes, the newest checkpoint and the\n"
        "switch. The answer comes from the daemon's memory, not from the workers: training is not disturbed.\n\n"
        "Of a sweep (its id, s1, or its name) it shows the tree of its branches.\n\n"
        "For several runs it prints one page after another; the exit code is the first that is not 0.",
    .options = options,
    .quiet = "Print the state alone.",
    .json = objects,
    .examples = "$ bitctl status @last\n"
                "$ bitctl status @last --json | jq .last.loss\n"
                "$ bitctl status @last --curve",
    .run = run,
};
