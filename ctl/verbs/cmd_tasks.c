#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_status.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/task_table.h"
#include "ctl/verbs/task_items.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

enum { OPT_STEPS, OPT_CSV, OPT_ITEMS, OPT_TASK, OPT_STEP };
static const struct bit_option options[] = {
    {"steps", 's', NULL, "Every evaluation of the runs, not the newest alone."},
    {"csv", 0, NULL, "Comma-separated values, a line for each result."},
    {"items", 0, NULL, "A line of JSON for each choice of each document, with its log-likelihood."},
    {"task", 0, "NAME", "With --items: of this task alone."},
    {"step", 0, "N", "With --items: of the evaluation after step N."},
    {0},
};

/* The results of all runs on the command line, in the order in which they came. */
struct results {
    struct bit_task_row *row; /* `run` and `result` are heap */
    Bit__TaskResult **owned;  /* the result of each row */
    size_t count, room;
    const char *run; /* id of the run whose results are being added */
    Bit__EventsRequest ask;
    int err;
};

static void finish(struct results *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(bit_lend(r->row[i].run));
        bit_msg_free(r->owned[i]);
    }
    free(r->row);
    free(r->owned);
}

static int make_room(struct results *r)
{
    if (r->count < r->room)
        return 0;
    const size_t room = r->room > 0 ? 2 * r->room : 32;
    struct bit_task_row *row = realloc(r->row, room * sizeof *row);
    if (row != NULL)
        r->row = row;
    Bit__TaskResult **owned = row != NULL ? realloc(r->owned, room * sizeof *owned) : NULL;
    if (owned == NULL)
        return bit_fail(-ENOMEM, "results of tasks");
    r->owned = owned;
    r->room = room;
    return 0;
}

static int add(struct results *r, const Bit__TaskResult *m)
{
    int err = make_room(r);
    char *run = err == 0 ? strdup(r->run) : NULL;
    Bit__TaskResult *copy = run != NULL ? bit_msg_clone(m) : NULL;

    if (copy == NULL) {
        free(run);
        return err < 0 ? err : bit_fail(-ENOMEM, "a result of a task");
    }
    r->row[r->count] = (struct bit_task_row){.run = run, .result = copy};
    r->owned[r->count++] = copy;
    return 0;
}

/* ---- every evaluation */

static int ask(void *arg, struct bit_connection *client)
{
    struct results *r = arg;

    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &r->ask);
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct results *r = arg;

    if (type != BIT_MSG_EVENT_REPLY || r->err < 0)
        return;
    const Bit__JournalRecord *record = ((const Bit__EventReply *)msg)->record;
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED && record->scored->result != NULL)
        r->err = add(r, record->scored->result);
}

/* ---- one run */

static int fetch(struct bit_cli *cli, struct results *r, const char *name, bool steps)
{
    Bit__RunStatus *status = NULL;
    int code = bit_run_status_ask(cli, name, false, &status);

    if (code)
        return code;
    r->run = status->run;
    if (steps) {
        r->ask = (Bit__EventsRequest)BIT__EVENTS_REQUEST__INIT;
        r->ask.run = status->run;
        code = bit_reply_stream(cli, false, ask, take, r);
    } else {
        for (size_t i = 0; i < status->n_task && r->err == 0; i++)
            r->err = add(r, status->task[i]);
    }
    if (code == 0 && r->err < 0)
        code = bit_failure_print(cli, r->err);
    bit_msg_free(status);
    return code;
}

/* ---- printing */

static void print_json(const struct results *r)
{
    for (size_t i = 0; i < r->count; i++) {
        Bit__TaskOfRun m = BIT__TASK_OF_RUN__INIT;
        m.run = bit_lend(r->row[i].run);
        m.result = r->owned[i];
        bit_print_json(&m);
    }
}

static int print(struct bit_cli *cli, const struct results *r, bool csv, bool one)
{
    const int width = bit_terminal_columns(stdout);

    if (cli->json)
        print_json(r);
    else if (csv)
        bit_task_csv_print(stdout, r->row, r->count);
    else if (r->count == 0)
        bit_show(stderr, "bitctl: no task has been evaluated yet\n");
    else if (one)
        bit_task_table_print(stdout, r->owned, r->count, width);
    else
        return bit_task_scores_print(stdout, r->row, r->count, width);
    return 0;
}

static int print_results(struct bit_cli *cli, int count, char **runs, bool steps, bool csv)
{
    struct results r = {.count = 0};
    int code = 0;

    for (int i = 0; i < count && code == 0; i++)
        code = fetch(cli, &r, runs[i], steps);
    if (code == 0) {
        int err = print(cli, &r, csv, count == 1 && !steps);
        code = err < 0 ? bit_failure_print(cli, err) : 0;
    }
    finish(&r);
    return code;
}

/* ---- items */

static int print_items(struct bit_cli *cli, int count, char **runs, const struct bit_task_items_wish *wish)
{
    int code = 0;

    for (int i = 0; i < count && code == 0; i++) {
        Bit__RunStatus *status = NULL;
        code = bit_run_status_ask(cli, runs[i], false, &status);
        if (code == 0)
            code = bit_task_items_print(cli, status->run, wish);
        bit_msg_free(status);
    }
    return code;
}

/* ---- the verb */

struct wishes {
    bool steps, csv, items;
    struct bit_task_items_wish of_items;
};

/* Takes an option; 0, or the exit code after a mistake was printed. */
static int take_option(void *arg, int option, const char *value)
{
    struct wishes *w = arg;
    uint64_t step;

    w->steps |= option == OPT_STEPS;
    w->csv |= option == OPT_CSV;
    w->items |= option == OPT_ITEMS;
    if (option == OPT_TASK)
        w->of_items.task = value;
    if (option != OPT_STEP)
        return 0;
    if (!bit_parse_u64(value, &step))
        return bit_usage(&bit_cmd_tasks, "--step %s: not a step", value);
    w->of_items.has_step = true;
    w->of_items.step = step;
    return 0;
}

static int check(const struct wishes *w)
{
    if (!w->items && (w->of_items.task != NULL || w->of_items.has_step))
        return bit_usage(&bit_cmd_tasks, "--task and --step go with --items");
    if (w->items && w->csv)
        return bit_usage(&bit_cmd_tasks, "--items are lines of JSON: not with --csv");
    if (w->steps && w->of_items.has_step)
        return bit_usage(&bit_cmd_tasks, "--steps is every evaluation, --step one of them");
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct wishes w = {.steps = false};
    struct bit_options o = {&bit_cmd_tasks, cli, take_option, &w, .least = 1, .most = BIT_WORDS_MANY};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    code = check(&w);
    if (code != 0)
        return code;
    w.of_items.every_step = w.steps;
    if (w.items)
        return print_items(cli, o.words, o.word, &w.of_items);
    return print_results(cli, o.words, o.word, w.steps, w.csv);
}

static const struct bit_verb_object objects[] = {
    {&bit__task_of_run__descriptor, "for each result: of each task in each precision, the newest, or with --steps all"},
    {&bit__task_item__descriptor, "--items, also without --json: for each choice of each document"},
    {0},
};

const struct bit_cli_verb bit_cmd_tasks = {
    .name = "tasks",
    .summary = "show how a run does on its downstream tasks",
    .synopsis = "RUN... [--steps] [--csv | --items [--task NAME] [--step N]]",
    .description =
        "Prints the results of the tasks of eval.task, in percent. For one RUN the newest evaluation in full:\n"
        "score and standard error; CONSTANT, the best score of always giving the same choice, if all documents\n"
        "have the same choices; CHANCE, the score of random choices; ANSWERS, for how many documents each choice\n"
        "was the likeliest. In the 16-bit phase each task is evaluated twice, as the model is and as the switch\n"
        "would leave it.\n\n"
        "For several runs, or with --steps, a table: a row for each run, step and precision, a column for each\n"
        "task, and their mean. On a terminal that is too narrow the table is transposed, and shows the newest\n"
        "evaluations.\n\n"
        "With --items, the result of every item, in lines of JSON: of the newest evaluation of each task in each\n"
        "precision, of the one after step N, or with --steps of all. A document counts as right if the choice\n"
        "that is `chosen`, the one with the highest sum / normaliser, is its label. The items are in the run's\n"
        "journal; the request files are not read.",
    .options = options,
    .quiet = "The same.",
    .json = objects,
    .examples = "$ bitctl tasks @last\n"
                "$ bitctl tasks keep reset --steps --csv > tasks.csv\n"
                "$ bitctl tasks @last --items --task copa > copa.jsonl",
    .run = run,
};
