#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__CheckpointRequest ask = BIT__CHECKPOINT_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_checkpoint,   cli, bit_change_take_no_wait, &ask, .least = 1,
                            .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    return code < 0 ? bit_change_each(&o, BIT_MSG_CHECKPOINT_REQUEST, &ask) : code;
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once it is durable"},
    {0},
};

const struct bit_cli_verb bit_cmd_checkpoint = {
    .name = "checkpoint",
    .summary = "write a checkpoint now",
    .synopsis = "RUN... [--no-wait]",
    .description =
        "Writes a checkpoint at the next step boundary that bitd has not yet passed in its orders, and returns\n"
        "once it is durable: every byte on disk, its manifest renamed into place, and the checkpoint journalled.\n"
        "Training waits only while the state is written.\n\n"
        "It is pinned: kept until `bitctl ckpt unpin`, whatever checkpoint.keep_last says.\n\n" BIT_EACH_RUN_HELP,
    .options = bit_change_options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl checkpoint @last",
    .run = run,
};
