#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

static int send(struct bit_cli *cli, char *run, char *request_id, bool no_wait)
{
    Bit__CheckpointRequest ask = BIT__CHECKPOINT_REQUEST__INIT;

    ask.run = run;
    ask.request_id = request_id;
    ask.has_no_wait = ask.no_wait = no_wait;
    return bit_change(cli, BIT_MSG_CHECKPOINT_REQUEST, &ask);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    return bit_change_run(&bit_cmd_checkpoint, cli, argc, argv, send);
}

const struct bit_cli_verb bit_cmd_checkpoint = {
    .name = "checkpoint",
    .summary = "write a checkpoint now",
    .synopsis = "RUN [--no-wait]",
    .description = "Writes a checkpoint at the next step boundary that no worker has been promised otherwise, and "
                   "returns once it is\n"
                   "durable: every byte on disk, its manifest renamed into place and the fact journalled. Training "
                   "stands still only\n"
                   "while the state is written.",
    .options = bit_change_options,
    .examples = "$ bitctl checkpoint @last",
    .run = run,
};
