#include "ctl/mutate.h"

extern const struct bit_command bit_cmd_checkpoint;

enum { OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"no-wait", 0, NULL, "Return once bitd has taken the order, not once it is done."},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.command = &bit_cmd_checkpoint, .cli = cli};
    Bit__CheckpointRequest ask = BIT__CHECKPOINT_REQUEST__INIT;
    char id[40];
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        if (got == OPT_NO_WAIT)
            ask.has_no_wait = ask.no_wait = true;
    int code = bit_options_end(&o, got, argc, argv, 1);
    if (code >= 0)
        return code;
    bit_request_id(id);
    ask.run = argv[o.rest];
    ask.request_id = id;
    return bit_mutate(cli, BIT_MSG_CHECKPOINT_REQUEST, &ask);
}

const struct bit_command bit_cmd_checkpoint = {
    .name = "checkpoint",
    .summary = "write a checkpoint now",
    .synopsis = "RUN [--no-wait]",
    .description = "Writes a checkpoint at the next step boundary that no worker has been promised otherwise, and "
                   "returns once it is\n"
                   "durable: every byte on disk, its manifest renamed into place and the fact journalled. Training "
                   "stands still only\n"
                   "while the state is written.",
    .options = options,
    .examples = "$ bitctl checkpoint @last",
    .run = run,
};
