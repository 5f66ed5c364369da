#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/reply_stream.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/task_table.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

enum { OPT_STEPS, OPT_CSV };
static const struct bit_option options[] = {
    {"steps", 's', NULL, "Every evaluation of the runs, not the newest alone."},
    {"csv", 0, NULL, "Comma-separated values, a line for each result."},
    {0},
};

/* The results of all runs that were asked for, in the order in which they came. */
struct results {
    struct bit_task_row *row; /* their runs are argv's, or the status's */
    Bit__TaskResult **owned;  /* each row's */
    size_t count, room;
    const char *run; /* whose come now */
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
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
    Bit__RunStatus *status = NULL;

    m.run = bit_lend(name);
    int code = bit_connection_ask(cli, BIT_MSG_STATUS_REQUEST, &m, BIT_MSG_RUN_STATUS, &status);
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

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_tasks, .cli = cli};
    struct results r = {.count = 0};
    bool steps = false, csv = false;
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0) {
        steps |= got == OPT_STEPS;
        csv |= got == OPT_CSV;
    }
    int code = bit_options_end_many(&o, got, argc, argv);
    if (code >= 0)
        return code;
    code = 0;
    for (int i = o.rest; i < argc && code == 0; i++)
        code = fetch(cli, &r, argv[i], steps);
    if (code == 0) {
        int err = print(cli, &r, csv, argc - o.rest == 1 && !steps);
        code = err < 0 ? bit_failure_print(cli, err) : 0;
    }
    finish(&r);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__task_of_run__descriptor, "for each result: of each task in each precision, the newest, or with --steps all"},
    {0},
};

const struct bit_cli_verb bit_cmd_tasks = {
    .name = "tasks",
    .summary = "show how a run does on its downstream tasks",
    .synopsis = "RUN... [--steps] [--csv]",
    .description =
        "Prints what the tasks of eval.task came to, in percent. Of one RUN the newest evaluation in full: score and\n"
        "standard error; CONSTANT, the score of the best answer that is always the same choice, where all documents\n"
        "have the same choices; CHANCE, of answers drawn evenly; ANSWERS, for how many documents each choice was the\n"
        "likeliest. In the 16-bit phase each task is evaluated twice, as the model is and as the switch would\n"
        "leave it.\n\n"
        "Of several runs, or with --steps, a table: a row for each run, step and precision, a column for each task,\n"
        "and their mean. Where the terminal is too narrow it is turned, and the newest evaluations are shown.",
    .options = options,
    .quiet = "The same.",
    .json = objects,
    .examples = "$ bitctl tasks @last\n"
                "$ bitctl tasks keep reset --steps --csv > tasks.csv",
    .run = run,
};
