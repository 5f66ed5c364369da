#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_RANKS, OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"ranks", 'n', "N", "Go on with N ranks instead. The batches stay the same; sums are added in another order."},
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_resume, .cli = cli};
    Bit__ResumeRequest ask = BIT__RESUME_REQUEST__INIT;
    unsigned long long ranks = 0;
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0)
        if (got == OPT_NO_WAIT)
            ask.has_no_wait = ask.no_wait = true;
        else if (bit_parse_u64(o.value, &ranks) && ranks > 0 && ranks <= UINT32_MAX)
            ask.has_ranks = true;
        else
            return bit_usage(&bit_cmd_resume, "--ranks takes a number from 1 on, not '%s'", o.value);
    ask.ranks = (uint32_t)ranks;
    return bit_change_end(&o, got, argc, argv, BIT_MSG_RESUME_REQUEST, &ask);
}

const struct bit_cli_verb bit_cmd_resume = {
    .name = "resume",
    .summary = "let a paused run go on",
    .synopsis = "RUN... [--ranks=N] [--no-wait]",
    .description =
        "Starts a paused run again from its newest checkpoint, or queues it when every slot is taken. Returns\n"
        "once the run is training or queued.\n\n" BIT_EACH_RUN_HELP,
    .options = options,
    .examples = "$ bitctl resume @last\n"
                "$ bitctl resume @last --ranks 16\n",
    .run = run,
};
