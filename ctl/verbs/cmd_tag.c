#include <stddef.h>

#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/limits.h"

enum { OPT_REMOVE, OPT_NOTE };
static const struct bit_option options[] = {
    {"remove", 0, "TAG", "Remove TAG; may be repeated."},
    {"note", 0, "TEXT", "The run's note; replaces the previous one, '' removes it."},
    {0},
};

static int take_option(void *arg, int option, const char *value)
{
    Bit__TagRequest *ask = arg;

    if (option == OPT_NOTE)
        ask->note = bit_lend(value);
    else if (ask->n_remove < BIT_TAGS_MAX)
        ask->remove[ask->n_remove++] = bit_lend(value);
    else
        return bit_usage(&bit_cmd_tag, "--remove may be given %d times at most", BIT_TAGS_MAX);
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__TagRequest ask = BIT__TAG_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_tag, cli, take_option, &ask, .least = 1, .most = BIT_WORDS_MANY};
    char *remove[BIT_TAGS_MAX];

    ask.remove = remove;
    const int code = bit_options_parse(&o, argc, argv);
    if (code >= 0)
        return code;
    ask.run = o.word[0];
    ask.add = o.word + 1;
    ask.n_add = (size_t)(o.words - 1);
    if (ask.n_add == 0 && ask.n_remove == 0 && ask.note == NULL)
        return bit_usage(&bit_cmd_tag, "give a TAG, --remove TAG or --note TEXT");
    return bit_change_send(cli, BIT_MSG_TAG_REQUEST, &ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once it is journalled"},
    {0},
};

const struct bit_cli_verb bit_cmd_tag = {
    .name = "tag",
    .summary = "tags and a note for a run, to find it by",
    .synopsis = "RUN [TAG]... [--remove=TAG]... [--note=TEXT]",
    .description =
        "Gives a run tags, by which `bitctl ps --where tag=TAG` finds it, and a note. Both are printed by `bitctl\n"
        "status` and are in the run's journal, with the user who wrote them. Runs in every state may have them. A\n"
        "tag has letters, digits, '.', '_' and '-'.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl tag r7 paper figure-2\n"
                "$ bitctl tag r7 --remove figure-2 --note 'the spike at step 4100 is the data'\n"
                "$ bitctl ps -a --where tag=paper",
    .run = run,
};
