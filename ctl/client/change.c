#include "ctl/client/change.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"

int bit_change(struct bit_cli *cli, uint16_t type, const void *request)
{
    Bit__DoneReply *done = NULL;
    int code = bit_connection_ask(cli, type, request, BIT_MSG_DONE_REPLY, &done);

    if (code)
        return code;
    if (cli->json) {
        bit_print_json(done);
    } else if (!cli->quiet) {
        bit_show(stdout, "%s: %s", done->run, done->text && *done->text ? done->text : "done");
        if (done->has_step)
            bit_show(stdout, " (step %" PRIu64, done->step);
        if (done->has_event)
            bit_show(stdout, "%sevent %" PRIu64, done->has_step ? ", " : " (", done->event);
        bit_show(stdout, "%s\n", done->has_step || done->has_event ? ")" : "");
    }
    bit_msg_free(done);
    return 0;
}

const struct bit_option bit_change_options[] = {
    {"no-wait", 0, NULL, "Return once bitd has taken the order, not once it is done."},
    {0},
};

int bit_change_run(const struct bit_cli_verb *verb, struct bit_cli *cli, int argc, char **argv, bit_change_send *send)
{
    struct bit_options o = {.verb = verb, .cli = cli};
    bool no_wait = false;
    char id[40];
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        no_wait = true;
    int code = bit_options_end(&o, got, argc, argv, 1);
    if (code >= 0)
        return code;
    bit_request_id(id);
    return send(cli, argv[o.rest], id, no_wait);
}
