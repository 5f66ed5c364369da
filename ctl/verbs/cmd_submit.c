#include <stdbool.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/follow.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/spec_file.h"
#include "ctl/spec/spec_submit.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

enum { OPT_DRY_RUN, OPT_FOLLOW, OPT_WAIT, OPT_NAME, OPT_SET, OPT_PAUSED, OPT_PRIORITY, OPT_AFTER, OPT_REQUEST_ID };
static const struct bit_option options[] = {
    {"dry-run", 'n', NULL, "Check everything and print what would happen: specification, schedule, memory."},
    {"follow", 'f', NULL, "Show live progress until the run ends, then a summary; ends with the run's exit code."},
    {"wait", 'w', NULL, "Wait for the run's end in silence; ends with its exit code."},
    {"name", 0, "NAME", "The run's name, instead of the specification's."},
    {"set", 's', "KEY=VALUE", "Change a field, as in schedule.peak_lr=3e-4; may be repeated; += appends to a list."},
    {"paused", 0, NULL, "Accept the run, but start it only at `bitctl resume`."},
    BIT_QUEUE_OPTIONS,
    {"request-id", 0, "ID", "Submit once for each ID: a repeated ID returns the existing run."},
    {0},
};

struct submit {
    bool dry_run, follow, wait;
    struct bit_spec_submit how;
    struct bit_spec_file file;
};

static int parse(struct submit *s, struct bit_options *o, int argc, char **argv)
{
    int got, code = 0;

    while (code == 0 && (got = bit_options_next(o, argc, argv)) >= 0) {
        switch (got) {
        case OPT_DRY_RUN:
            s->dry_run = true;
            break;
        case OPT_FOLLOW:
            s->follow = true;
            break;
        case OPT_WAIT:
            s->wait = true;
            break;
        case OPT_NAME:
            s->file.name = o->value;
            break;
        case OPT_PAUSED:
            s->how.paused = true;
            break;
        case OPT_PRIORITY:
            code = bit_queue_options_priority(&bit_cmd_submit, &s->how.queue, o->value);
            break;
        case OPT_AFTER:
            code = bit_queue_options_after(&bit_cmd_submit, &s->how.queue, o->value);
            break;
        case OPT_REQUEST_ID:
            s->how.request_id = o->value;
            break;
        default:
            if (bit_spec_file_set(&s->file, o->value) < 0)
                return bit_usage(&bit_cmd_submit, "--set may be given %d times at most", BIT_SPEC_FILE_SETS_MAX);
        }
    }
    if (code != 0)
        return code;
    int words = bit_options_end(o, got, argc, argv, 1);
    if (words < 0 && s->follow + s->wait + s->dry_run > 1)
        return bit_usage(&bit_cmd_submit, "--dry-run, --follow and --wait exclude each other");
    return words;
}

static int submit(struct bit_cli *cli, struct submit *s)
{
    Bit__SubmitReply *reply = NULL;
    char run[BIT_RUN_ID_MAX];
    int code = bit_spec_submit(cli, &s->file, &s->how, &reply);

    if (code != 0)
        return code;
    snprintf(run, sizeof run, "%s", reply->run);
    if (cli->json && !s->follow)
        bit_print_json(reply);
    else if (cli->quiet)
        bit_show(stdout, "%s\n", reply->run);
    else if (!cli->json && reply->known && s->how.request_id != NULL)
        bit_show(stdout, "%s is %s, which exists already\n", reply->name, reply->run);
    else if (!cli->json)
        bit_show(stdout, "submitted %s as %s%s\n", reply->name, reply->run, s->how.paused ? ", paused" : "");
    fflush(stdout);
    bit_msg_free(reply);
    return s->follow ? bit_follow(cli, run) : s->wait ? bit_wait_for(cli, run) : 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_submit, .cli = cli};
    struct submit s = {0};

    int code = parse(&s, &o, argc, argv);
    if (code >= 0)
        return code;
    s.file.path = argv[o.rest];
    s.file.submits = !s.dry_run;
    code = bit_spec_file_read(cli, &s.file);
    if (code == 0)
        code = s.dry_run ? bit_spec_submit_dry_run(cli, &s.file) : submit(cli, &s);
    bit_spec_file_finish(&s.file);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__submit_reply__descriptor, "once the run is accepted; not with --follow"},
    {&bit__dry_run_reply__descriptor, "--dry-run"},
    {&bit__journal_record__descriptor, "--follow: each record of the journal, the steps' too"},
    {&bit__run_status__descriptor, "--wait: at the end"},
    {0},
};

const struct bit_cli_verb bit_cmd_submit = {
    .name = "submit",
    .summary = "hand a run specification to the daemon",
    .synopsis = "SPEC [--dry-run | --follow | --wait] [--name=NAME] [--set KEY=VALUE]... [--paused] "
                "[--priority=N] [--after=RUN]... [--request-id=ID]",
    .description =
        "Hands a run to bitd, which queues it and starts it when a slot is free. SPEC is a RunSpec in protobuf\n"
        "text format (.txtpb) or binary (.pb), or - for standard input; what it leaves out takes its preset's\n"
        "value, and relative paths are relative to SPEC's folder, or to this one if it is a pipe. Every mistake\n"
        "is reported at once, with line, column and the nearest name that exists, and nothing is submitted then.\n\n"
        "A run that is to begin --after others waits in the queue, whatever its --priority, and its status shows\n"
        "for which; a run that has begun is never stopped for one of a higher priority. A run that waits for\n"
        "another to complete (--after ok:RUN) is cancelled if that one ends otherwise; `bitctl resume` then\n"
        "starts it without waiting.\n\n"
        "--dry-run prints the whole specification as the daemon would run it, the parameters, tokens and steps,\n"
        "the schedule at the steps that matter, and the memory of each rank. Without a daemon, it prints what\n"
        "`bitctl check` prints.",
    .options = options,
    .quiet = "Print the run's id alone; of --dry-run mistakes and warnings.",
    .json = objects,
    .examples = "$ bitctl submit --dry-run run.txtpb\n"
                "$ bitctl submit --follow run.txtpb --set phases.switch.at_step=4000\n"
                "$ bitctl submit run.txtpb --after ok:r7 --priority -10\n"
                "$ id=$(bitctl submit -q run.pb) && bitctl wait $id",
    .run = run,
};
