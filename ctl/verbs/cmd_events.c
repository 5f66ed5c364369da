#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_word.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/verbs/verbs.h"

enum { OPT_FOLLOW, OPT_STEPS, OPT_AFTER };
static const struct bit_option options[] = {
    {"follow", 'f', NULL, "Continue with new events until the run ends."},
    {"steps", 's', NULL, "Also every step's report."},
    {"after", 0, "EVENT", "Only events after this event's number."},
    {0},
};

struct state {
    struct bit_cli *cli;
    Bit__EventsRequest ask;
};

static int ask(void *arg, struct bit_connection *client)
{
    struct state *s = arg;

    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &s->ask);
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct state *s = arg;

    if (type != BIT_MSG_EVENT_REPLY)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    s->ask.has_after = true;
    s->ask.after = record->seq;
    if (s->cli->json)
        bit_print_json(record);
    else
        bit_print_record(stdout, record);
    fflush(stdout);
}

static int take_option(void *arg, int option, const char *value)
{
    Bit__EventsRequest *ask = arg;

    if (option == OPT_FOLLOW) {
        ask->has_follow = ask->follow = true;
    } else if (option == OPT_STEPS) {
        ask->has_steps = ask->steps = true;
    } else {
        ask->has_after = true;
        return bit_options_number(&bit_cmd_events, option, value, 0, UINT64_MAX, &ask->after);
    }
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct state s = {.cli = cli, .ask = BIT__EVENTS_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_events, cli, take_option, &s.ask, .least = 1, .most = 1};
    char id[BIT_RUN_ID_MAX];
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    code = bit_run_word_to_follow(cli, o.word[0], s.ask.follow, id, &s.ask.run);
    if (code != 0)
        return code;
    if (!cli->json)
        bit_fold_stdout();
    return bit_reply_stream(cli, s.ask.follow, ask, take, &s);
}

static const struct bit_verb_object objects[] = {
    {&bit__journal_record__descriptor, "for each record; those of steps with --steps"},
    {0},
};

const struct bit_cli_verb bit_cmd_events = {
    .name = "events",
    .summary = "print a run's journal: launches, switches, checkpoints, faults",
    .synopsis = "RUN [--follow] [--steps] [--after=EVENT]",
    .description =
        "Prints the journal of a run, in which the daemon records everything that happens to it, oldest first.\n"
        "With --follow it continues with new events, and survives a restart of the daemon.",
    .options = options,
    .quiet = "Leaves nothing out: there is one line per event.",
    .json = objects,
    .examples = "$ bitctl events @last\n"
                "$ bitctl events @last --steps --json | jq -r 'select(.step) | [.step.step, .step.loss] | @tsv'",
    .run = run,
};
