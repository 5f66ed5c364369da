#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/cli/options.h"
#include "ctl/cli/run_step.h"
#include "ctl/cli/submit_options.h"
#include "ctl/client/follow.h"
#include "ctl/client/run_status.h"
#include "ctl/show/damage_table.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/task_table.h"
#include "ctl/spec/eval_spec.h"
#include "ctl/spec/spec_file.h"
#include "ctl/spec/spec_submit.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/text/precision.h"
#include "proto/wire/msg.h"

enum { OPT_TASK, OPT_HELD_OUT, OPT_PRECISION, OPT_DAMAGE, OPT_STEP, OPT_DETACH };
static const struct bit_option options[] = {
    {"task", 't', "FILE",
     "A request file, of `bitctl tokenize --requests`; NAME=FILE gives it a name, a folder stands for all in it; may "
     "be repeated."},
    {"held-out", 0, "NAME=FILE", "The loss on token files, several separated by commas; may be repeated."},
    {"precision", 'p', "WHICH",
     "16bit, ternary or both; default: ternary of a checkpoint after the switch, else both, as in training."},
    {"damage", 0, NULL,
     "A table of what each part of 1.58 bits costs alone: the loss on the sets, and its difference from 16-bit."},
    {"step", 0, "N", "The checkpoint of this step of RUN; default: its newest."},
    {"detach", 'd', NULL, "Hand it to bitd and return, as `bitctl submit` does."},
    {"dry-run", 'n', NULL, "Check everything and print what would happen: specification, memory."},
    {"name", 0, "NAME", "The name of the run that evaluates it; default: eval- and what is evaluated."},
    {"set", 's', "KEY=VALUE", "Change a field of its specification, as in launch.ranks=4; may be repeated."},
    BIT_QUEUE_OPTIONS,
    {"request-id", 0, "ID", "Submit once for each ID: a repeated ID returns the existing run."},
    {0},
};

struct eval {
    bool detach;
    struct bit_eval_ask ask;
    struct bit_submit_options how;
    struct bit_spec_file file;
    char what[BIT_PATH_MAX]; /* without @STEP */
    struct bit_cli *cli;
    struct bit_checkpoint_choice choice;
    unsigned *tries; /* how often the chosen checkpoint was replaced before bitd took the request */
};

/* ---- the command line */

static int take_precision(struct bit_eval_ask *ask, const char *value)
{
    static const char *const precisions[] = {"16bit", "ternary", "both", NULL};

    ask->has_precision = true;
    ask->both = strcmp(value, "both") == 0;
    if (ask->both || bit_precision_parse(value, &ask->precision) == 0)
        return 0;
    return bit_usage_names(&bit_cmd_eval, "--precision", value, precisions);
}

static int take_step(struct bit_eval_ask *ask, uint64_t step)
{
    if (ask->has_step)
        return bit_usage(&bit_cmd_eval, "@STEP and --step mean the same: give only one");
    ask->has_step = true;
    ask->step = step;
    return 0;
}

static int take_argument(const char **list, size_t *count, int option, const char *value)
{
    if (*count == BIT_EVAL_SPEC_ARGS_MAX)
        return bit_usage(&bit_cmd_eval, "--%s may be given %d times at most", options[option].name,
                         BIT_EVAL_SPEC_ARGS_MAX);
    list[(*count)++] = value;
    return 0;
}

static int take_option(void *arg, int option, const char *value)
{
    struct eval *e = arg;
    uint64_t step = 0;
    int code;

    switch (option) {
    case OPT_TASK:
        return take_argument(e->ask.task, &e->ask.task_count, option, value);
    case OPT_HELD_OUT:
        return take_argument(e->ask.held_out, &e->ask.held_out_count, option, value);
    case OPT_PRECISION:
        return take_precision(&e->ask, value);
    case OPT_DAMAGE:
        e->ask.damage = true;
        return 0;
    case OPT_STEP:
        code = bit_options_number(&bit_cmd_eval, option, value, 0, UINT64_MAX, &step);
        return code == 0 ? take_step(&e->ask, step) : code;
    case OPT_DETACH:
        e->detach = true;
        return 0;
    default:
        return bit_submit_options_take(&e->how, option, value);
    }
}

/* "r7@4000" is step 4000 of r7; "@last" is a run. A folder of such a name must be given with a slash. */
static int take_word(struct eval *e, const char *word)
{
    uint64_t step;
    const size_t name = bit_run_step_parse(word, &step);

    e->ask.what = word;
    if (strlen(word) >= sizeof e->what)
        return bit_usage(&bit_cmd_eval, "a name of %zu bytes", strlen(word));
    if (bit_run_step_wrong(word) != NULL && access(word, F_OK) < 0)
        return bit_usage(&bit_cmd_eval, "'%s' is no step: r7@4000 is r7's checkpoint after step 4000",
                         bit_run_step_wrong(word));
    if (name == 0)
        return 0;
    snprintf(e->what, sizeof e->what, "%.*s", (int)name, word);
    e->ask.what = e->what;
    return take_step(&e->ask, step);
}

/* < 0 to go on, or the exit code. */
static int check(const struct eval *e)
{
    return e->detach && e->how.dry_run ? bit_usage(&bit_cmd_eval, "--detach and --dry-run exclude each other") : -1;
}

/* ---- results */

static bool is_damage_map(const Bit__RunStatus *status)
{
    for (size_t i = 0; i < status->n_held_out; i++)
        if (status->held_out[i]->has_part)
            return true;
    return false;
}

static void print_results(const Bit__RunStatus *status)
{
    const int width = bit_terminal_columns(stdout);

    if (status->n_task > 0)
        bit_task_table_print(stdout, status->task, status->n_task, width);
    if (status->n_task > 0 && status->n_held_out > 0)
        bit_show(stdout, "\n");
    if (is_damage_map(status))
        bit_damage_table_print(stdout, status->held_out, status->n_held_out, width);
    else if (status->n_held_out > 0)
        bit_print_evaluations(stdout, status->held_out, status->n_held_out, 0);
}

/* Prints the results, also those of a run that ended before all were there. */
static int show_results(struct bit_cli *cli, const char *run)
{
    Bit__RunStatus *status = NULL;
    int code = bit_run_status_ask(cli, run, false, &status);

    if (code == 0)
        print_results(status);
    bit_msg_free(status);
    return code;
}

/* Waits for the run's end. Returns its exit code; after an interrupt the run goes on. */
static int see_it_through(struct bit_cli *cli, const char *run)
{
    int code = cli->json || cli->quiet ? bit_wait_for(cli, run) : bit_follow(cli, run);

    if (cli->json || code == 128 + 2 || code == BIT_EXIT_UNAVAILABLE)
        return code;
    int of_results = show_results(cli, run);
    return code != 0 ? code : of_results;
}

static int submit(struct bit_cli *cli, struct eval *e)
{
    Bit__SubmitReply *reply = NULL;
    char run[BIT_RUN_ID_MAX];
    int code = bit_spec_submit(cli, &e->file, &e->how, &reply);

    if (code != 0)
        return code;
    snprintf(run, sizeof run, "%s", reply->run);
    if (e->detach && cli->json)
        bit_print_json(reply);
    else if (e->detach && cli->quiet)
        bit_show(stdout, "%s\n", reply->run);
    else if (e->detach)
        bit_show(stdout, "submitted %s as %s; `bitctl tasks %s` shows its results\n", reply->name, run, run);
    else if (!cli->json && !cli->quiet)
        bit_show(stderr, "submitted %s as %s\n", reply->name, run);
    fflush(stdout);
    bit_msg_free(reply);
    return e->detach ? 0 : see_it_through(cli, run);
}

static bool was_replaced(void *arg)
{
    const struct eval *e = arg;

    return bit_checkpoint_of_replaced(e->cli, &e->choice, e->tries, BIT_ESTATE);
}

/* The specification is in no file: its problems are reported as if it were in one with the model's name. */
static int make_spec(struct bit_cli *cli, struct eval *e)
{
    static char name[BIT_NAME_MAX + 1]; /* e->file borrows it */
    struct bit_eval_spec made;
    int code = bit_eval_spec_make(cli, &e->ask, &made);

    if (code != 0)
        return code;
    snprintf(name, sizeof name, "%s", made.name);
    e->file.path = e->ask.what;
    e->file.name = e->how.name != NULL ? e->how.name : name;
    e->file.set = e->how.set;
    e->file.set_count = e->how.set_count;
    e->file.submits = !e->how.dry_run;
    e->file.outdated = was_replaced;
    e->file.arg = e;
    e->choice = made.choice;
    code = bit_spec_file_take(cli, &e->file, made.spec);
    if (made.foreign && bit_problems_about(&e->file.problems, "model.layers") && !cli->json)
        bit_show(stderr, "bitctl: its shape is unknown: give it with --set model.preset=olmo_1b, or --set "
                         "model.from=FOLDER with a config.json\n");
    return code;
}

static int evaluate(struct bit_cli *cli, const struct eval *asked)
{
    struct eval e = *asked;
    int code = make_spec(cli, &e);

    if (code == 0)
        code = e.how.dry_run ? bit_spec_submit_dry_run(cli, &e.file) : submit(cli, &e);
    bit_spec_file_finish(&e.file);
    return code;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    unsigned tries = 0;
    struct eval asked = {.how.verb = &bit_cmd_eval, .cli = cli, .tries = &tries};
    struct bit_options o = {&bit_cmd_eval, cli, take_option, &asked, .least = 1, .most = 1};
    int code = bit_options_parse(&o, argc, argv);

    if (code < 0)
        code = check(&asked);
    if (code >= 0)
        return code;
    code = take_word(&asked, o.word[0]);
    if (code != 0)
        return code;
    do
        code = evaluate(cli, &asked);
    while (code == BIT_SPEC_OUTDATED);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "at the end: task and held_out are its results"},
    {&bit__submit_reply__descriptor, "--detach"},
    {&bit__dry_run_reply__descriptor, "--dry-run"},
    {0},
};

const struct bit_cli_verb bit_cmd_eval = {
    .name = "eval",
    .summary = "evaluate a checkpoint, a run or another model on downstream tasks",
    .synopsis = "CHECKPOINT|RUN[@STEP]|MODEL [--task=[NAME=]FILE]... [--held-out NAME=FILE]... [--precision=WHICH] "
                "[--damage] [--step=N] [--detach | --dry-run] [--name=NAME] [--set KEY=VALUE]... "
                "[--priority=N] [--after=RUN]... [--request-id=ID]",
    .description =
        "Evaluates a model as a run without steps: it is queued, continues where it was after a pause, a lost\n"
        "worker or a killed bitd, and is shown by status, top, ps and tasks like any run. bitctl follows it to\n"
        "its end and prints the results as `bitctl tasks` does; the exit code is the run's, as with `bitctl\n"
        "wait`.\n\n"
        "The shape, tokenizer and quantizer of a CHECKPOINT (its folder) are those of its manifest. For a RUN,\n"
        "how its ranks are launched is taken over, too, and its newest checkpoint is evaluated, or that of @STEP.\n"
        "Without --task and --held-out, the tasks and sets of the specification that it was trained with are\n"
        "evaluated. A MODEL is anything else that model.init_from takes; --set gives what it does not specify\n"
        "itself. A word with a slash, or one that exists here and holds a model, is a path; any other word is a\n"
        "run.\n\n"
        "--damage evaluates the held-out sets in 16-bit, in 1.58-bit, and with one part of the latter at a time:\n"
        "the inner norms, with the weights' rounding, or the activations'; and of each block one matrix after\n"
        "the other.\n\n"
        "Scores are bit for bit those that the run itself would get at that step, on any number of ranks.",
    .options = options,
    .quiet = "Print only the results; with --detach only the run's id.",
    .json = objects,
    .examples = "$ bitctl eval @last --task requests/copa.requests\n"
                "$ bitctl eval r7@4000 --task requests --precision ternary\n"
                "$ bitctl eval step-00002000 --damage --held-out valid=data/valid/part-0-00000.npy",
    .run = run,
};
