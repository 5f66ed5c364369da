#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/cli/submit_options.h"
#include "ctl/client/follow.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/spec_file.h"
#include "ctl/spec/spec_submit.h"
#include "ctl/verbs/verbs.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

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

static int submit(struct bit_cli *cli, struct bit_spec_file *file, const struct bit_submit_options *how)
{
    Bit__SubmitReply *reply = NULL;
    char run[BIT_RUN_ID_MAX];
    int code = bit_spec_submit(cli, file, how, &reply);

    if (code != 0)
        return code;
    snprintf(run, sizeof run, "%s", reply->run);
    if (cli->json && !how->follow)
        bit_print_json(reply);
    else if (bit_submit_options_wants_sentence(cli, how, run, reply->name, reply->known))
        bit_show(stdout, "submitted %s as %s%s\n", reply->name, run, how->paused ? ", paused" : "");
    fflush(stdout);
    bit_msg_free(reply);
    return how->follow ? bit_follow(cli, run) : how->wait ? bit_wait_for(cli, run) : 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_submit_options how = {.verb = &bit_cmd_submit};
    struct bit_options o = {&bit_cmd_submit, cli, bit_submit_options_take, &how, .least = 1, .most = 1};
    int code = bit_options_parse(&o, argc, argv);

    if (code < 0)
        code = bit_submit_options_check(&how);
    if (code >= 0)
        return code;
    struct bit_spec_file file = {.path = o.word[0], .name = how.name, .set = how.set, .set_count = how.set_count};
    file.submits = !how.dry_run;
    code = bit_spec_file_read(cli, &file);
    if (code == 0)
        code = how.dry_run ? bit_spec_submit_dry_run(cli, &file) : submit(cli, &file, &how);
    bit_spec_file_finish(&file);
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
