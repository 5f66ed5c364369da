#include <inttypes.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/curve.h"
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

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_status, .cli = cli};
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;
    Bit__RunStatus *status = NULL;
    int got, columns, rows;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        ask.has_points = true;
    int code = bit_options_end(&o, got, argc, argv, 1);
    if (code >= 0)
        return code;
    bit_terminal_size(stdout, &columns, &rows);
    if (ask.has_points)
        ask.points = 4 * (uint32_t)columns;
    ask.run = argv[o.rest];
    code = bit_connection_ask(cli, BIT_MSG_STATUS_REQUEST, &ask, BIT_MSG_RUN_STATUS, &status);
    if (code)
        return code;
    if (cli->json)
        bit_print_json(status);
    else if (cli->quiet)
        bit_show(stdout, "%s\n", bit_text_state(status->state));
    else
        bit_status_page_print(stdout, status, columns, 12);
    bit_msg_free(status);
    return 0;
}

const struct bit_cli_verb bit_cmd_status = {
    .name = "status",
    .summary = "show one run: state, step, phase, loss, speed",
    .synopsis = "RUN [--curve]",
    .description =
        "Shows where a run is: its state and why, step, phase and strength, loss and gradient norm, the time a\n"
        "step takes and where it goes, the zeros and flips of the ternary codes, the newest checkpoint and the\n"
        "switch. It asks the daemon's memory, never the workers: training does not feel it.",
    .options = options,
    .examples = "$ bitctl status @last\n"
                "$ bitctl status @last --json | jq .last.loss\n"
                "$ bitctl status @last --curve",
    .run = run,
};
