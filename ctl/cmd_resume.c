#include "ctl/mutate.h"

extern const struct bit_command bit_cmd_resume;

static int send(struct bit_cli *cli, char *run, char *request_id, bool no_wait)
{
    Bit__ResumeRequest ask = BIT__RESUME_REQUEST__INIT;

    ask.run = run;
    ask.request_id = request_id;
    ask.has_no_wait = ask.no_wait = no_wait;
    return bit_mutate(cli, BIT_MSG_RESUME_REQUEST, &ask);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    return bit_mutation_run(&bit_cmd_resume, cli, argc, argv, send);
}

const struct bit_command bit_cmd_resume = {
    .name = "resume",
    .summary = "let a paused run go on",
    .synopsis = "RUN [--no-wait]",
    .description = "Starts a paused run again from its newest checkpoint, or queues it when every slot is taken. "
                   "Returns once the run is\n"
                   "training or queued.",
    .options = bit_mutation_options,
    .examples = "$ bitctl resume @last",
    .run = run,
};
