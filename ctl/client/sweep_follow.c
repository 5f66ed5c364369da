#include "ctl/client/sweep_follow.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/chart_text.h"
#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_status.h"
#include "ctl/show/print.h"
#include "ctl/show/screen.h"
#include "ctl/show/show.h"
#include "ctl/show/sweep_tree.h"
#include "proto/check.h"
#include "proto/err.h"

#define LOOK_MS 1000

struct follow {
    struct bit_cli *cli;
    const char *sweep;
    struct bit_screen screen;
    Bit__SweepReply *now, *before; /* bitd's last reply, and the one before it; owned */
    bool away;
};

static int exit_code_of(const Bit__SweepReply *s)
{
    switch (s->state) {
    case BIT__RUN_STATE__COMPLETED:
        return BIT_EXIT_OK;
    case BIT__RUN_STATE__FAILED:
        return BIT_EXIT_RUN_FAILED;
    case BIT__RUN_STATE__CANCELLED:
        return BIT_EXIT_CANCELLED;
    default:
        return BIT_EXIT_UNFINISHED;
    }
}

/* ---- output */

static void say_branch(FILE *f, const Bit__SweepReply *s, const Bit__SweepBranch *b)
{
    bit_show(f, "%s %s", b->run != NULL ? b->run : s->sweep, b->label);
    if (b->state == BIT__RUN_STATE__STARTING && b->has_parent)
        bit_show(f, ", after step %" PRIu64 " of %s", b->from_step,
                 b->parent < s->n_branch ? s->branch[b->parent]->label : "another");
    bit_show(f, ": ");
    bit_show_state(f, b->state, b->reason);
    bit_show(f, "\n");
}

/* Prints the branches that did not complete, and why. */
static void say_failed(const struct bit_cli *cli, const Bit__SweepReply *s)
{
    for (size_t i = 0; i < s->n_branch && !cli->json && !cli->quiet; i++)
        if (s->branch[i]->state == BIT__RUN_STATE__FAILED || s->branch[i]->state == BIT__RUN_STATE__CANCELLED) {
            bit_show(stderr, "bitctl: ");
            say_branch(stderr, s, s->branch[i]);
        }
}

static bool is_news(const struct follow *w, size_t i)
{
    const Bit__SweepBranch *b = w->now->branch[i];

    if (w->before == NULL || i >= w->before->n_branch)
        return b->run != NULL;
    return w->before->branch[i]->state != b->state;
}

static void print_page(FILE *f, void *arg, int columns, int rows)
{
    const struct follow *w = arg;
    const struct bit_chart_look screen = bit_chart_look_of(stdout);
    const struct bit_sweep_look look = {columns, rows > 4 ? rows - 3 : 0, screen.utf8, screen.colour};

    bit_sweep_line_print(f, w->now);
    bit_show(f, "\n");
    bit_sweep_tree_print(f, w->now, &look);
}

static void show(struct follow *w)
{
    bool news = w->before == NULL;

    for (size_t i = 0; i < w->now->n_branch; i++)
        news = news || is_news(w, i);
    if (w->screen.on) {
        bit_screen_draw(&w->screen, print_page, w,
                        w->away ? "bitd is away; q leaves, or wait for it." : "q leaves; the sweep goes on.");
    } else if (w->cli->json && news) {
        bit_print_json(w->now);
        fflush(stdout);
    } else if (!w->cli->json && !w->cli->quiet) {
        for (size_t i = 0; i < w->now->n_branch; i++)
            if (is_news(w, i))
                say_branch(stderr, w->now, w->now->branch[i]);
    }
}

static bool needs_a_reason(Bit__RunState state)
{
    return state == BIT__RUN_STATE__FAILED || state == BIT__RUN_STATE__BLOCKED || state == BIT__RUN_STATE__RESTARTING;
}

void bit_sweep_page_print(FILE *f, const Bit__SweepReply *s)
{
    const struct bit_chart_look screen = bit_chart_look_of(f);
    const struct bit_sweep_look look = {
        .columns = bit_terminal_columns(f), .utf8 = screen.utf8, .colour = screen.colour};

    bit_sweep_tree_print(f, s, &look);
    bit_show(f, "\n");
    bit_sweep_line_print(f, s);
    for (size_t i = 0; i < s->n_note; i++)
        bit_show(f, "note: %s\n", s->note[i]);
    for (size_t i = 0; i < s->n_branch; i++)
        if (needs_a_reason(s->branch[i]->state))
            say_branch(f, s, s->branch[i]);
}

/* Prints the whole tree at the end, after the screen with the page is gone. */
static void show_end(struct follow *w)
{
    if (w->cli->json || w->cli->quiet)
        return;
    bit_sweep_page_print(stdout, w->now);
    fflush(stdout);
}

/* ---- requests */

static void take_answer(struct follow *w, Bit__SweepReply *reply)
{
    bit_msg_free(w->before);
    w->before = w->now;
    w->now = reply;
    w->away = false;
}

/* Asks bitd once and shows the reply: 0, or the exit code. */
static int look(struct follow *w)
{
    Bit__SweepQueryRequest ask = BIT__SWEEP_QUERY_REQUEST__INIT;
    Bit__SweepReply *reply = NULL;
    Bit__ErrorReply *refusal = NULL;
    int code = 0;

    ask.sweep = bit_lend(w->sweep);
    int err = bit_connection_try(w->cli, BIT_MSG_SWEEP_QUERY_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, &reply, &refusal);
    if (err == BIT_EDAEMON && w->now != NULL) {
        if (!w->away && !w->screen.on && !w->cli->quiet)
            bit_show(stderr, "bitctl: bitd is away; waiting for it to come back\n");
        w->away = true;
    } else if (err < 0 || refusal != NULL) {
        bit_screen_leave(&w->screen);
        code = refusal != NULL ? bit_failure_print_reply(w->cli, refusal) : bit_failure_print(w->cli, err);
    } else {
        take_answer(w, reply);
    }
    bit_msg_free(refusal);
    if (code == 0)
        show(w);
    return code;
}

static int watch(struct follow *w)
{
    for (;;) {
        int code = look(w);
        if (code != 0)
            return code;
        if (!w->away && bit_run_status_is_end(w->now->state))
            return -1;
        if (bit_screen_wait(&w->screen, LOOK_MS))
            return 0;
    }
}

int bit_sweep_follow(struct bit_cli *cli, const char *sweep)
{
    struct follow w = {.cli = cli, .sweep = sweep};

    if (!cli->json && !cli->quiet)
        bit_screen_enter(&w.screen);
    int code = watch(&w);
    bit_screen_leave(&w.screen);
    if (code < 0) {
        show_end(&w);
        code = exit_code_of(w.now);
    }
    bit_msg_free(w.now);
    bit_msg_free(w.before);
    return code;
}

/* ---- without progress */

struct wait {
    struct bit_cli *cli;
    const char *sweep;
    int code;
};

static int ask_wait(void *arg, struct bit_connection *client)
{
    const struct wait *w = arg;
    Bit__SweepWaitRequest ask = BIT__SWEEP_WAIT_REQUEST__INIT;

    ask.sweep = bit_lend(w->sweep);
    return bit_connection_send(client, BIT_MSG_SWEEP_WAIT_REQUEST, &ask);
}

static void take_wait(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct wait *w = arg;

    if (type != BIT_MSG_SWEEP_REPLY)
        return;
    const Bit__SweepReply *s = (const Bit__SweepReply *)msg;
    w->code = exit_code_of(s);
    if (w->cli->json)
        bit_print_json(s);
    else if (!w->cli->quiet)
        bit_sweep_line_print(stdout, s);
    fflush(stdout);
    say_failed(w->cli, s);
}

int bit_sweep_wait(struct bit_cli *cli, const char *sweep)
{
    struct wait w = {.cli = cli, .sweep = sweep, .code = BIT_EXIT_UNFINISHED};
    int code = bit_reply_stream(cli, true, ask_wait, take_wait, &w);

    return code != 0 ? code : w.code;
}
