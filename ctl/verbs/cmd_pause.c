#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

static int send(struct bit_cli *cli, char *run, char *request_id, bool no_wait)
{
    Bit__PauseRequest ask = BIT__PAUSE_REQUEST__INIT;

    ask.run = run;
    ask.request_id = request_id;
    ask.has_no_wait = ask.no_wait = no_wait;
    return bit_change(cli, BIT_MSG_PAUSE_REQUEST, &ask);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    return bit_change_run(&bit_cmd_pause, cli, argc, argv, send);
}

const struct bit_cli_verb bit_cmd_pause = {
    .name = "pause",
    .summary = "checkpoint, stop the workers, keep the run",
    .synopsis = "RUN [--no-wait]",
    .description = "Writes a checkpoint at the next possible step boundary, stops the workers and frees what they "
                   "held. Returns once the\n"
                   "checkpoint is durable and the workers are gone. `bitctl resume` goes on with the same bits as if "
                   "never paused.",
    .options = bit_change_options,
    .examples = "$ bitctl pause @last\n$ bitctl resume @last",
    .run = run,
};
