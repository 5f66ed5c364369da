#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/exposition.h"
#include "proto/wire/msg.h"

enum { OPT_OPENMETRICS };

static const struct bit_option options[] = {
    {"openmetrics", 0, NULL, "OpenMetrics 1.0 instead of Prometheus' text format 0.0.4."},
    {0},
};

static int show_down(bool openmetrics)
{
    static const struct bit_exposition_metric up = {"bitd_up", BIT_EXPOSITION_GAUGE, NULL, "Whether bitd answers."};
    char *text = NULL;
    size_t bytes = 0;
    struct bit_exposition e = {.f = open_memstream(&text, &bytes), .openmetrics = openmetrics};

    if (e.f == NULL)
        return bit_fail(-ENOMEM, "metrics");
    bit_exposition_begin(&e, &up);
    bit_exposition_sample(&e, NULL, 0);
    bit_exposition_end(&e);
    fclose(e.f);
    bit_show_raw(stdout, text, bytes);
    free(text);
    return 0;
}

/* Without a daemon a monitoring system must still get an answer: bitd_up 0. */
static int look_for_daemon(struct bit_cli *cli, bool openmetrics)
{
    struct bit_connection client;
    int err = bit_connection_open(&client, cli->socket);

    if (err < 0) {
        if (!cli->json)
            show_down(openmetrics);
        return bit_failure_print(cli, err);
    }
    bit_connection_close(&client);
    return 0;
}

static int print_text(struct bit_cli *cli, bool openmetrics)
{
    Bit__MetricsRequest ask = BIT__METRICS_REQUEST__INIT;
    Bit__MetricsReply *reply = NULL;

    ask.has_openmetrics = ask.openmetrics = openmetrics;
    int code = bit_connection_ask(cli, BIT_MSG_METRICS_REQUEST, &ask, BIT_MSG_METRICS_REPLY, &reply);
    struct bit_show_held held = {0};
    if (code == 0)
        bit_show_piece(stdout, &held, reply->text, strlen(reply->text));
    bit_show_piece_end(stdout, &held);
    bit_msg_free(reply);
    return code;
}

static int print_runs(struct bit_cli *cli)
{
    Bit__ListRequest ask = BIT__LIST_REQUEST__INIT;
    Bit__ListReply *list = NULL;

    ask.has_all = ask.all = true;
    int code = bit_connection_ask(cli, BIT_MSG_LIST_REQUEST, &ask, BIT_MSG_LIST_REPLY, &list);
    for (size_t i = 0; code == 0 && i < list->n_run; i++)
        bit_print_json(list->run[i]);
    bit_msg_free(list);
    return code;
}

static int take_openmetrics(void *arg, int option, const char *value)
{
    *(bool *)arg = true;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    bool openmetrics = false;
    struct bit_options o = {&bit_cmd_metrics, cli, take_openmetrics, &openmetrics, .most = 0};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    code = look_for_daemon(cli, openmetrics);
    if (code != 0)
        return code;
    return cli->json ? print_runs(cli) : print_text(cli, openmetrics);
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run, ended or not: what the numbers are made of"},
    {0},
};

const struct bit_cli_verb bit_cmd_metrics = {
    .name = "metrics",
    .summary = "print numbers of the daemon and its runs for Prometheus",
    .synopsis = "[--openmetrics]",
    .description =
        "Prints what GET /metrics of bitd answers (`metrics` in bitd.conf(5)), in Prometheus' text format or\n"
        "OpenMetrics: of bitd its version, memory, descriptors, how long its loop takes, and how many runs are in\n"
        "each state; of each run its step, phase, loss, gradient norm, learning rate, speed, where the time goes,\n"
        "evaluations, tasks, checkpoints, restarts, anomalies, stragglers and what its GPUs do.\n\n"
        "Labels are bounded. Runs are listed by id: those that have not ended, and those that ended within\n"
        "`metrics_keep`; of more than 100 only the newest. Of held-out sets and tasks there are 1,000 results\n"
        "each, of all runs together.\n\n"
        "Without a daemon it prints `bitd_up 0` and ends with 69. node_exporter's textfile collector needs a file\n"
        "that is complete at any time: write another one, and rename it.",
    .options = options,
    .quiet = "Leaves nothing out.",
    .json = objects,
    .examples = "$ bitctl metrics > bitd.prom.new && mv bitd.prom.new bitd.prom",
    .run = run,
};
