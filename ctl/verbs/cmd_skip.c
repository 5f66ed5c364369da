#include <string.h>

#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_BATCHES };
static const struct bit_option options[] = {
    {"batches", 0, "A-B",
     "The first and the last, in the order of the data from 1 (`bitctl events --json --steps`: position)."},
    {0},
};

static int take_batches(void *arg, int option, const char *value)
{
    Bit__ChangeRequest *ask = arg;
    const char *dash = strchr(value, '-');
    char first[32] = "";
    uint64_t from, to;

    if (dash != NULL && (size_t)(dash - value) < sizeof first)
        memcpy(first, value, (size_t)(dash - value));
    if (dash == NULL || !bit_parse_u64(first, &from) || !bit_parse_u64(dash + 1, &to) || from == 0 || to < from)
        return bit_usage(&bit_cmd_skip, "--batches takes A-B, two numbers from 1 on, not '%s'", value);
    ask->has_skip_from = ask->has_skip_to = true;
    ask->skip_from = from;
    ask->skip_to = to;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__ChangeRequest ask = BIT__CHANGE_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_skip, cli, take_batches, &ask, .least = 1, .most = 1};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (!ask.has_skip_from)
        return bit_usage(&bit_cmd_skip, "name the batches: --batches A-B");
    ask.run = o.word[0];
    return bit_change_send(cli, BIT_MSG_CHANGE_REQUEST, &ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once it is journalled; step is the first that trains on another batch"},
    {0},
};

const struct bit_cli_verb bit_cmd_skip = {
    .name = "skip",
    .summary = "leave batches of the data out that are still to come",
    .synopsis = "RUN --batches=A-B",
    .description =
        "Leaves batches out, before a run comes to them: the step that would have trained on batch A trains on\n"
        "the one after B, and so on from there. It is journalled before this returns, and holds after every crash\n"
        "and rewind. A batch that is trained on, or on its way to the ranks, cannot be left out any more: the\n"
        "error names the earliest that can. `bitctl resume --skip` leaves out the next batches of a run that has\n"
        "stopped.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl skip @last --batches 5100-5200",
    .run = run,
};
