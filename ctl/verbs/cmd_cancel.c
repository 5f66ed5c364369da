#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_NOW, OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"now", 0, NULL, "Kill the workers at once; what came after the last checkpoint is lost."},
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_cancel, .cli = cli};
    Bit__CancelRequest ask = BIT__CANCEL_REQUEST__INIT;
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        if (got == OPT_NOW)
            ask.has_now = ask.now = true;
        else
            ask.has_no_wait = ask.no_wait = true;
    return bit_change_end(&o, got, argc, argv, BIT_MSG_CANCEL_REQUEST, &ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once the run has ended"},
    {&bit__sweep_reply__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_cancel = {
    .name = "cancel",
    .summary = "end a run",
    .synopsis = "RUN|SWEEP... [--now] [--no-wait]",
    .description =
        "Writes a last checkpoint, stops the workers and ends the run; its journal, logs and checkpoints stay,\n"
        "and `bitctl resume` continues it. With --now nothing is written. `bitctl wait` on a cancelled run ends\n"
        "with 103.\n\n" BIT_EACH_RUN_HELP "\n\n" BIT_SWEEP_TOO_HELP,
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl cancel @last",
    .run = run,
};
