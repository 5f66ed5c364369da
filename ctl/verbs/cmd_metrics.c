#include <stdio.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/metrics.h"
#include "ctl/show/print.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

static const struct bit_option options[] = {{0}};

/* What a monitoring system scrapes has to be there without a daemon, too: it is how it learns that there is none. */
static int ask_version(struct bit_cli *cli, Bit__VersionReply **reply)
{
    Bit__VersionRequest ask = BIT__VERSION_REQUEST__INIT;
    struct bit_connection client;
    int err = bit_connection_open(&client, cli->socket);

    if (err < 0) {
        if (!cli->json)
            bit_metrics_print(stdout, NULL, NULL);
        return bit_failure_print(cli, err);
    }
    bit_connection_close(&client);
    return bit_connection_ask(cli, BIT_MSG_VERSION_REQUEST, &ask, BIT_MSG_VERSION_REPLY, reply);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_metrics, .cli = cli};
    Bit__ListRequest ask = BIT__LIST_REQUEST__INIT;
    Bit__VersionReply *daemon = NULL;
    Bit__ListReply *list = NULL;
    int code = bit_options_end(&o, bit_options_next(&o, argc, argv), argc, argv, 0);

    if (code >= 0)
        return code;
    ask.has_all = ask.all = true;
    code = ask_version(cli, &daemon);
    if (code == 0)
        code = bit_connection_ask(cli, BIT_MSG_LIST_REQUEST, &ask, BIT_MSG_LIST_REPLY, &list);
    if (code == 0 && !cli->json)
        bit_metrics_print(stdout, daemon, list);
    for (size_t i = 0; code == 0 && cli->json && i < list->n_run; i++)
        bit_print_json(list->run[i]);
    bit_msg_free(daemon);
    bit_msg_free(list);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run, ended or not: what the numbers are made of"},
    {0},
};

const struct bit_cli_verb bit_cmd_metrics = {
    .name = "metrics",
    .summary = "print numbers of the daemon and its runs for Prometheus",
    .synopsis = "",
    .description =
        "Prints what a monitoring system wants to know, in Prometheus' text format: whether bitd answers, its version\n"
        "and memory, how many runs are in each state, and of each run that has not ended its step, phase, loss,\n"
        "gradient norm, learning rate, speed, where a step's time goes, checkpoints, restarts and anomalies. Labels\n"
        "are bounded: a run's id, of the 100 newest that have not ended, its name, a held-out set's.\n\n"
        "Without a daemon it prints `bitd_up 0` and ends with 69. node_exporter's textfile collector takes a file\n"
        "that is whole at any time: write another one, and rename it.",
    .options = options,
    .quiet = "Leaves nothing out.",
    .json = objects,
    .examples = "$ bitctl metrics > bitd.prom.new && mv bitd.prom.new bitd.prom",
    .run = run,
};
