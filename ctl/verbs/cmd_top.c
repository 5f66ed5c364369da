#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/client/run_status.h"
#include "ctl/client/sweep_follow.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/print.h"
#include "ctl/show/run_table.h"
#include "ctl/show/screen.h"
#include "ctl/show/show.h"
#include "ctl/show/status_page.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/format.h"

enum { OPT_INTERVAL };
static const struct bit_option options[] = {
    {"interval", 'n', "SECONDS", "The time between two redraws; default 1."},
    {0},
};

struct top {
    struct bit_cli *cli;
    char *run; /* NULL: all runs */
    char id[BIT_RUN_ID_MAX];
    double interval;
    struct bit_screen screen; /* on: bitctl has the terminal */
    bool away;                /* bitd has answered before, but does not now */
    Bit__RunStatus *status;   /* bitd's last answer on the run, or ... */
    Bit__ListReply *list;     /* ... on all runs */
};

/* ---- the page */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void print_page(FILE *f, void *arg, int columns, int rows)
{
    const struct top *t = arg;

    if (t->run != NULL)
        bit_status_page_fit(f, t->status, columns, rows);
    else
        bit_run_table_page(f, t->list->run, t->list->n_run, columns, rows, now_ns());
}

static const char *last_line(const struct top *t)
{
    if (t->away)
        return "bitd is away; q leaves, or wait for it.";
    return t->run != NULL ? "q leaves; the run goes on." : "q leaves; the runs go on.";
}

static void draw(struct top *t)
{
    bit_screen_draw(&t->screen, print_page, t, last_line(t));
}

static void show(struct top *t)
{
    if (!t->cli->json) {
        draw(t);
        return;
    }
    if (t->run != NULL)
        bit_print_json(t->status);
    for (size_t i = 0; t->run == NULL && i < t->list->n_run; i++)
        bit_print_json(t->list->run[i]);
    fflush(stdout);
}

/* ---- bitd */

static void forget(struct top *t)
{
    bit_msg_free(t->status);
    bit_msg_free(t->list);
    t->status = NULL;
    t->list = NULL;
}

static int ask_bitd(const struct top *t, struct top *got, Bit__ErrorReply **refusal)
{
    Bit__StatusRequest of_one = BIT__STATUS_REQUEST__INIT;
    Bit__ListRequest of_all = BIT__LIST_REQUEST__INIT;

    if (t->run == NULL) {
        of_all.has_all = of_all.all = true;
        return bit_connection_try(t->cli, BIT_MSG_LIST_REQUEST, &of_all, BIT_MSG_LIST_REPLY, &got->list, refusal);
    }
    of_one.run = t->run;
    of_one.has_points = true;
    of_one.points = 400;
    return bit_connection_try(t->cli, BIT_MSG_STATUS_REQUEST, &of_one, BIT_MSG_RUN_STATUS, &got->status, refusal);
}

static void say_away(struct top *t)
{
    if (!t->away && !t->screen.on && !t->cli->quiet)
        bit_show(stderr, "bitctl: bitd is away; waiting for it to come back\n");
    t->away = true;
    if (t->screen.on)
        draw(t);
}

/* Replaces the last answer by a new one; it stays while bitd is away. Returns an exit code. */
static int fetch(struct top *t)
{
    Bit__ErrorReply *refusal = NULL;
    struct top got = {0};
    int err = ask_bitd(t, &got, &refusal);

    if (err == BIT_EDAEMON && (t->status != NULL || t->list != NULL)) {
        say_away(t);
        return 0;
    }
    if (err < 0 || refusal != NULL)
        bit_screen_leave(&t->screen);
    if (err < 0)
        return bit_failure_print(t->cli, err);
    if (refusal != NULL) {
        int code = bit_failure_print_reply(t->cli, refusal);
        bit_msg_free(refusal);
        return code;
    }
    forget(t);
    t->status = got.status;
    t->list = got.list;
    t->away = false;
    if (t->run != NULL) { /* its name or @last may mean another run later */
        bit_format(t->id, sizeof t->id, "%s", t->status->run);
        t->run = t->id;
    }
    show(t);
    return 0;
}

static int watch(struct top *t)
{
    for (;;) {
        int code = fetch(t);
        if (code != 0)
            return code;
        if (t->status != NULL && !t->away && bit_run_status_is_end(t->status->state))
            return t->status->has_exit_code ? t->status->exit_code : BIT_EXIT_OK;
        if (bit_screen_wait(&t->screen, (int)(t->interval * 1000)))
            return 0;
    }
}

static int watch_on_screen(struct top *t)
{
    int code = watch(t);

    bit_screen_leave(&t->screen);
    if (t->status != NULL &&
        bit_run_status_is_end(t->status->state)) /* the page disappeared with the screen, so print it again */
        draw(t);
    return code;
}

static int take_interval(void *arg, int option, const char *value)
{
    struct top *t = arg;
    char *end;

    t->interval = strtod(value, &end);
    if (*end || !(t->interval >= 0.05 && t->interval <= 3600))
        return bit_usage(&bit_cmd_top, "--interval takes 0.05 to 3600 seconds, not '%s'", value);
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct top t = {.cli = cli, .interval = 1};
    struct bit_options o = {&bit_cmd_top, cli, take_interval, &t, .most = 1};
    char sweep[BIT_RUN_ID_MAX];
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    t.run = o.words > 0 ? o.word[0] : NULL;
    code = t.run != NULL ? bit_sweep_word(cli, t.run, sweep) : 0;
    if (code != 0)
        return code < 0 ? bit_sweep_follow(cli, sweep) : code;
    code = !cli->json && bit_screen_enter(&t.screen) ? watch_on_screen(&t) : watch(&t);
    forget(&t);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "again and again; of RUN, the last one is that of the end; without RUN one a run"},
    {&bit__sweep_reply__descriptor, "for a sweep, after every change"},
    {0},
};

const struct bit_cli_verb bit_cmd_top = {
    .name = "top",
    .summary = "watch one run, or all of them, redrawn every second",
    .synopsis = "[RUN|SWEEP] [--interval=SECONDS]",
    .description =
        "Redraws what `bitctl status --curve` prints of RUN until q is pressed or the run ends; then the last page\n"
        "stays, and the exit code is the run's. Without RUN it is a line a run: those that train, those that wait,\n"
        "and what ended within a day.\n\n"
        "Of a sweep (its id, s1, or its name) it is the tree of its branches.\n\n"
        "If bitd goes away, the last page stays until it is back. Off a terminal, and with --json, it prints one\n"
        "answer after another.",
    .options = options,
    .quiet = "Leaves nothing out.",
    .json = objects,
    .examples = "$ bitctl top\n"
                "$ bitctl top @last",
    .run = run,
};
