#include "ctl/mutate.h"

extern const struct bit_command bit_cmd_pause;

enum { OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"no-wait", 0, NULL, "Return once bitd has taken the order, not once it is done."},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.command = &bit_cmd_pause, .cli = cli};
    Bit__PauseRequest ask = BIT__PAUSE_REQUEST__INIT;
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
    return bit_mutate(cli, BIT_MSG_PAUSE_REQUEST, &ask);
}

const struct bit_command bit_cmd_pause = {
    .name = "pause",
    .summary = "checkpoint, stop the workers, keep the run",
    .synopsis = "RUN [--no-wait]",
    .description = "Writes a checkpoint at the next possible step boundary, stops the workers and frees what they "
                   "held. Returns once the\n"
                   "checkpoint is durable and the workers are gone. `bitctl resume` goes on with the same bits as if "
                   "never paused.",
    .options = options,
    .examples = "$ bitctl pause @last\n$ bitctl resume @last",
    .run = run,
};
