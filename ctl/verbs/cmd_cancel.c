#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_NOW, OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"now", 0, NULL, "Kill the workers at once; what came after the last checkpoint is lost."},
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static int take_option(void *arg, int option, const char *value)
{
    Bit__CancelRequest *ask = arg;

    if (option == OPT_NO_WAIT)
        return bit_change_take_no_wait(ask, option, value);
    ask->has_now = ask->now = true;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__CancelRequest ask = BIT__CANCEL_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_cancel, cli, take_option, &ask, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    return code < 0 ? bit_change_each(&o, BIT_MSG_CANCEL_REQUEST, &ask) : code;
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
