#include "ctl/mutate.h"

extern const struct bit_command bit_cmd_resume;

enum { OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"no-wait", 0, NULL, "Return once bitd has taken the order, not once it is done."},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.command = &bit_cmd_resume, .cli = cli};
    Bit__ResumeRequest ask = BIT__RESUME_REQUEST__INIT;
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
    return bit_mutate(cli, BIT_MSG_RESUME_REQUEST, &ask);
}

const struct bit_command bit_cmd_resume = {
    .name = "resume",
    .summary = "let a paused run go on",
    .synopsis = "RUN [--no-wait]",
    .description = "Starts a paused run again from its newest checkpoint, or queues it when every slot is taken. "
                   "Returns once the run is\n"
                   "training or queued.",
    .options = options,
    .examples = "$ bitctl resume @last",
    .run = run,
};
