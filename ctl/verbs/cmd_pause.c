#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__PauseRequest ask = BIT__PAUSE_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_pause, cli, bit_change_take_no_wait, &ask, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    return code < 0 ? bit_change_each(&o, BIT_MSG_PAUSE_REQUEST, &ask) : code;
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once the run is paused"},
    {&bit__sweep_reply__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_pause = {
    .name = "pause",
    .summary = "checkpoint, stop the workers, keep the run",
    .synopsis = "RUN|SWEEP... [--no-wait]",
    .description =
        "Writes a checkpoint at the next possible step boundary, stops the workers and frees what they held.\n"
        "Returns once the checkpoint is durable and the workers are gone. `bitctl resume` goes on with the same\n"
        "bits as if never paused.\n\n" BIT_EACH_RUN_HELP "\n\n" BIT_SWEEP_TOO_HELP,
    .options = bit_change_options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl pause @last\n"
                "$ bitctl resume @last",
    .run = run,
};
