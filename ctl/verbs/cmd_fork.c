#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/cli/options.h"
#include "ctl/cli/submit_options.h"
#include "ctl/client/connection.h"
#include "ctl/client/follow.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/dry_run_answer.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/limits.h"

enum { OPT_FROM, OPT_SET, OPT_NAME, OPT_FRESH, OPT_WEIGHTS };
static const struct bit_option options[] = {
    {"from", 0, "STEP", "Begin after STEP, of which RUN has a checkpoint (`bitctl ckpt ls RUN`)."},
    {"set", 's', "KEY=VALUE", "Change a field, as in schedule.peak_lr=3e-4; may be repeated; += appends to a list."},
    {"name", 0, "NAME", "The fork's name, instead of RUN's with -STEP after it."},
    {"fresh-optimizer", 0, NULL, "Begin with Adam's moments and its step count at zero."},
    {"weights-only", 0, NULL, "Begin at step 1, with the checkpoint's weights and nothing else of it."},
    {"dry-run", 'n', NULL, "Check everything and print what would happen; nothing is submitted."},
    {"follow", 'f', NULL, "Show live progress until the fork ends, then a summary; ends with its exit code."},
    {"wait", 'w', NULL, "Wait for the fork's end in silence; ends with its exit code."},
    {"paused", 0, NULL, "Accept the fork, but start it only at `bitctl resume`."},
    BIT_QUEUE_OPTIONS,
    {"request-id", 0, "ID", "Fork once for each ID: a repeated ID returns the existing run."},
    {0},
};

struct fork {
    struct bit_submit_options how;
    Bit__ForkRequest ask;
};

static int take_option(void *arg, int option, const char *value)
{
    struct fork *f = arg;

    switch (option) {
    case OPT_FROM:
        return bit_options_number(&bit_cmd_fork, option, value, 1, UINT64_MAX, &f->ask.from_step);
    case OPT_FRESH:
        f->ask.has_fresh_moments = f->ask.fresh_moments = true;
        return 0;
    case OPT_WEIGHTS:
        f->ask.has_weights_only = f->ask.weights_only = true;
        return 0;
    default:
        return bit_submit_options_take(&f->how, option, value);
    }
}

/* < 0 to go on, or the exit code. */
static int check(const struct fork *f)
{
    if (f->ask.from_step == 0)
        return bit_usage(&bit_cmd_fork, "--from STEP is missing: the step of a checkpoint (`bitctl ckpt ls RUN` "
                                        "lists them)");
    if (f->ask.has_fresh_moments && f->ask.has_weights_only)
        return bit_usage(&bit_cmd_fork, "--weights-only begins with a fresh optimizer: leave --fresh-optimizer out");
    return bit_submit_options_check(&f->how);
}

/* here: the folder to which relative paths in --set are relative. */
static void fill_request(struct fork *f, char *run, char *id, char *here)
{
    f->ask.run = run;
    f->ask.request_id = f->how.request_id != NULL ? bit_lend(f->how.request_id) : id;
    f->ask.directory = here;
    f->ask.name = bit_lend(f->how.name);
    f->ask.set = (char **)(uintptr_t)f->how.set;
    f->ask.n_set = f->how.set_count;
    f->ask.has_dry_run = f->ask.dry_run = f->how.dry_run;
    f->ask.has_paused = f->ask.paused = f->how.paused;
    BIT_QUEUE_OPTIONS_COPY(&f->ask, &f->how.queue);
}

static int dry_run(struct bit_cli *cli, const struct fork *f)
{
    Bit__DryRunReply *dry = NULL;
    int code = bit_connection_ask(cli, BIT_MSG_FORK_REQUEST, &f->ask, BIT_MSG_DRY_RUN_REPLY, &dry);

    if (code != 0)
        return code;
    bit_dry_run_answer(cli, dry);
    bit_msg_free(dry);
    return 0;
}

static void print_forked(const struct bit_cli *cli, const struct fork *f, const Bit__SubmitReply *reply)
{
    if (cli->json && !f->how.follow)
        bit_print_json(reply);
    else if (bit_submit_options_wants_sentence(cli, &f->how, reply->run, reply->name, reply->known))
        bit_show(stdout, "forked %s after step %" PRIu64 " as %s, %s%s\n", f->ask.run, f->ask.from_step, reply->run,
                 reply->name, f->ask.paused ? ", paused" : "");
    for (size_t i = 0; i < reply->n_note && !cli->json && !cli->quiet; i++)
        bit_show(stdout, "  %s\n", reply->note[i]);
    fflush(stdout);
}

static int fork_run(struct bit_cli *cli, struct fork *f)
{
    Bit__SubmitReply *reply = NULL;
    char run[BIT_RUN_ID_MAX];
    int code = bit_connection_ask(cli, BIT_MSG_FORK_REQUEST, &f->ask, BIT_MSG_SUBMIT_REPLY, &reply);

    if (code != 0)
        return code;
    snprintf(run, sizeof run, "%s", reply->run);
    print_forked(cli, f, reply);
    bit_msg_free(reply);
    return f->how.follow ? bit_follow(cli, run) : f->how.wait ? bit_wait_for(cli, run) : 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct fork f = {.how.verb = &bit_cmd_fork, .ask = BIT__FORK_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_fork, cli, take_option, &f, .least = 1, .most = 1};
    char id[40], here[PATH_MAX];
    int code = bit_options_parse(&o, argc, argv);

    if (code < 0)
        code = check(&f);
    if (code >= 0)
        return code;
    bit_request_id(id);
    fill_request(&f, o.word[0], id, getcwd(here, sizeof here));
    return f.how.dry_run ? dry_run(cli, &f) : fork_run(cli, &f);
}

static const struct bit_verb_object objects[] = {
    {&bit__submit_reply__descriptor, "once the fork is accepted; not with --follow"},
    {&bit__dry_run_reply__descriptor, "--dry-run"},
    {&bit__journal_record__descriptor, "--follow: each record of the journal, the steps' too"},
    {&bit__run_status__descriptor, "--wait: at the end"},
    {0},
};

const struct bit_cli_verb bit_cmd_fork = {
    .name = "fork",
    .summary = "a new run that continues from a checkpoint of another",
    .synopsis = "RUN --from=STEP [--set KEY=VALUE]... [--name=NAME] [--fresh-optimizer | --weights-only] "
                "[--dry-run | --follow | --wait] [--paused] [--priority=N] [--after=RUN]... [--request-id=ID]",
    .description =
        "Makes a run that continues RUN from its checkpoint after STEP, with its weights, optimizer, position in\n"
        "the data and schedule, and the chain of its steps' facts. RUN may train, be paused or have ended. The\n"
        "checkpoint's files are shared, not copied; the fork keeps them whatever happens to RUN.\n\n"
        "--set changes the specification that RUN has now. Settings of later steps may change; what the\n"
        "checkpoint determines, such as the model, the batch size, or a switch that is done, may not. A changed\n"
        "schedule applies from step 1 on, and the answer shows what that means at the step where the fork begins.\n"
        "--weights-only begins an independent run at step 1, in which all but the model may change.\n\n"
        "A fork without a change that steps depend on is compared bit for bit with the steps that RUN had done by\n"
        "then, and its status shows up to which step it is verified.",
    .options = options,
    .quiet = "Print the fork's id alone; of --dry-run warnings.",
    .json = objects,
    .examples = "$ bitctl fork keep --from 2000\n"
                "$ bitctl fork keep --from 4000 --set phases.switch.at_step=4000 --name switch-4k\n"
                "$ bitctl fork keep --from 4000 --set phases.switch.at_step=4000 --set phases.switch.optimizer=RESET",
    .run = run,
};
