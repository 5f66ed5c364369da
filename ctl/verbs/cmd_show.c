#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/client/run_status.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/sweep_text.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/text/text.h"

static const struct bit_option options[] = {{0}};

static int print_text(struct bit_cli *cli, const Bit__RunStatus *status)
{
    char *text = NULL;
    size_t bytes = 0;
    int err = bit_text_print(&status->spec->base, &text, &bytes);

    if (err < 0)
        return bit_failure_print(cli, err);
    if (!cli->quiet)
        bit_show(stdout,
                 "# %s as it runs after step %" PRIu64 ", with everything that was changed since its "
                 "submission.\n",
                 status->run, status->step);
    bit_show_raw(stdout, text, bytes);
    free(text);
    return 0;
}

static int show_sweep(struct bit_cli *cli, char *sweep)
{
    Bit__SweepQueryRequest ask = BIT__SWEEP_QUERY_REQUEST__INIT;
    Bit__SweepReply *reply = NULL;

    ask.sweep = sweep;
    ask.has_spec = ask.spec = true;
    int code = bit_connection_ask(cli, BIT_MSG_SWEEP_QUERY_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, &reply);
    if (code == 0)
        code = bit_sweep_text_print(cli, reply);
    bit_msg_free(reply);
    return code;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {&bit_cmd_show, cli, .least = 1, .most = 1};
    Bit__RunStatus *status = NULL;
    char sweep[BIT_RUN_ID_MAX];
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if ((code = bit_sweep_word(cli, o.word[0], sweep)) != 0)
        return code < 0 ? show_sweep(cli, sweep) : code;
    code = bit_run_status_ask(cli, o.word[0], true, &status);
    if (code)
        return code;
    if (cli->json)
        bit_print_json(status->spec);
    else
        code = print_text(cli, status);
    bit_msg_free(status);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_spec__descriptor, "with every field set"},
    {&bit__sweep_spec__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_show = {
    .name = "show",
    .summary = "the specification of a run or a sweep, as text",
    .synopsis = "RUN|SWEEP",
    .description =
        "Prints a run's specification with every field that was filled in, and with what was changed since the\n"
        "submission: a text that `bitctl submit` takes as it is. The run's folder has it as it was submitted, in\n"
        "spec.txtpb, which is for people: no program reads it.\n\n"
        "Of a sweep (its id, s1, or its name) it prints what was submitted, with a `branch` for each of its runs: a\n"
        "text that `bitctl sweep` takes from a file *.sweep, for the same runs again.",
    .options = options,
    .quiet = "Leave out the comment in the first line.",
    .json = objects,
    .examples = "$ bitctl show @last > again.txtpb\n"
                "$ diff <(bitctl show r1) <(bitctl show r2)",
    .run = run,
};
