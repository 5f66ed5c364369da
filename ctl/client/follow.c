#include "ctl/client/follow.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/client/run_status.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/run_summary.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"

#define QUIET_LINE_S   5 /* between progress lines if there is no terminal */
#define PROGRESS_WIDTH 24
#define LINE_COLUMNS   200 /* if there is no terminal */

struct follow {
    struct bit_cli *cli;
    const char *run;
    struct bit_connection client;
    struct bit_run_summary history;
    uint64_t last_seq;
    uint64_t steps; /* of the whole run */
    char *directory;
    Bit__RunSpec *spec; /* owned */
    uint64_t items;     /* of the task that is being evaluated: items scored so far ... */
    double items_ms;    /* ... and the time that they took */
    bool terminal, drawn;
    double line_at;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void clear_line(struct follow *w)
{
    if (w->drawn)
        bit_show(stderr, "\r\033[K");
    w->drawn = false;
}

/* The longest form of the line that fits into so many columns; the last column stays empty. */
static void print_progress(const struct follow *w, const Bit__StepReport *s, int columns)
{
    static const struct {
        int bar;
        bool lr;
    } forms[] = {{PROGRESS_WIDTH, true}, {PROGRESS_WIDTH, false}, {12, false}, {0, false}};
    const struct bit_phase_tally *t = &w->history.phase[s->precision == BIT__PRECISION__TERNARY];
    char bar[PROGRESS_WIDTH + 3], rate[BIT_TEXT], left[BIT_TEXT], lr[32], line[512];

    bit_text_count((double)s->tokens / s->ms * 1000, rate);
    bit_text_duration((double)(w->steps - s->step) * t->ms / (double)t->steps / 1000, left);
    snprintf(lr, sizeof lr, "  lr %.2e", s->lr);
    for (size_t i = 0; i < BIT_COUNT(forms); i++) {
        bit_text_progress(s->step, w->steps, forms[i].bar, bar);
        snprintf(line, sizeof line, "%s%s%" PRIu64 "/%" PRIu64 "  %s  loss %.4f%s  %s tokens/s  %s left",
                 forms[i].bar > 0 ? bar : "", forms[i].bar > 0 ? " " : "", s->step, w->steps,
                 bit_text_precision(s->precision), s->loss, forms[i].lr ? lr : "", rate, left);
        if (strlen(line) < (size_t)columns)
            break;
    }
    bit_show(stderr, "%.*s", columns - 1, line);
}

/* The columns of a line, or 0 if it is too early for another one. */
static int begin_line(struct follow *w, bool last)
{
    const double now = now_s();
    int columns = LINE_COLUMNS, rows;

    if (w->cli->json || w->cli->quiet || (!w->terminal && now - w->line_at < QUIET_LINE_S && !last))
        return 0;
    w->line_at = now;
    clear_line(w);
    if (w->terminal)
        bit_terminal_size(stderr, &columns, &rows);
    return columns;
}

static void end_line(struct follow *w)
{
    if (w->terminal) {
        w->drawn = true;
        fflush(stderr);
    } else {
        fputc('\n', stderr);
    }
}

static void draw_progress(struct follow *w, const Bit__StepReport *s)
{
    const int columns = begin_line(w, s->step == w->steps);

    if (columns == 0)
        return;
    print_progress(w, s, columns);
    end_line(w);
}

/* ---- tasks */

/* The number of items of a task; 0: not known. */
static uint64_t items_of(const struct follow *w, const char *task)
{
    const Bit__EvalSpec *eval = w->spec != NULL ? w->spec->eval : NULL;

    for (size_t i = 0; eval != NULL && i < eval->n_task; i++)
        if (eval->task[i]->name != NULL && strcmp(eval->task[i]->name, task) == 0)
            return eval->task[i]->items;
    return 0;
}

/*
 * A task's documents are scored a few at a time; the record with the last ones has the result, and is printed as an
 * event.
 */
static void draw_scoring(struct follow *w, const Bit__TaskScored *m)
{
    const uint64_t all = items_of(w, m->task);
    char bar[PROGRESS_WIDTH + 3], left[BIT_TEXT], line[256];

    w->items = (m->first == 0 ? 0 : w->items) + m->n_sum;
    w->items_ms = (m->first == 0 ? 0 : w->items_ms) + m->ms;
    const int columns = w->items < all ? begin_line(w, false) : 0;
    if (columns == 0)
        return;
    bit_text_duration(w->items_ms / 1000 / (double)w->items * (double)(all - w->items), left);
    snprintf(line, sizeof line, "%s task %s  %s  %" PRIu64 "/%" PRIu64 " items  %s left",
             bit_text_progress(w->items, all, 12, bar), m->task, bit_text_precision(m->precision), w->items, all, left);
    bit_show(stderr, "%.*s", columns - 1, line);
    end_line(w);
}

/* On a terminal lines are folded between words. */
static void print_event(const struct follow *w, const Bit__JournalRecord *r)
{
    int columns, rows;
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = w->terminal ? open_memstream(&text, &bytes) : NULL;

    bit_print_record(f != NULL ? f : stderr, r);
    if (f == NULL || fclose(f) != 0)
        return;
    bit_terminal_size(stderr, &columns, &rows);
    bit_fold_text(stderr, text, columns);
    free(text);
}

static int take_record(struct follow *w, const Bit__EventReply *reply)
{
    const Bit__JournalRecord *r = reply->record;
    int err = bit_run_summary_add(&w->history, r);

    if (err < 0)
        return err;
    w->last_seq = r->seq;
    if (w->cli->json) {
        bit_print_json(r);
    } else if (r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP) {
        draw_progress(w, r->step);
    } else if (r->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED && r->scored->result == NULL) {
        draw_scoring(w, r->scored);
    } else if (!w->cli->quiet) {
        clear_line(w);
        print_event(w, r);
    }
    return 0;
}

static int ask_events(struct follow *w)
{
    Bit__EventsRequest ask = BIT__EVENTS_REQUEST__INIT;

    ask.run = bit_lend(w->run);
    ask.has_after = true;
    ask.after = w->last_seq;
    ask.has_follow = ask.follow = true;
    ask.has_steps = ask.steps = true;
    return bit_connection_send(&w->client, BIT_MSG_EVENTS_REQUEST, &ask);
}

/* One reply of the stream: 1 at its end, 0 to go on, an exit code + 1000 for an error that bitd reported. */
static int take_reply(struct follow *w)
{
    ProtobufCMessage *msg = NULL;
    uint16_t type;
    int err = bit_connection_next(&w->client, -1, &type, &msg);

    if (err < 0)
        return err;
    if (type == BIT_MSG_EVENT_REPLY)
        err = take_record(w, (Bit__EventReply *)msg);
    else if (type == BIT_MSG_ERROR_REPLY)
        err = 1000 + bit_failure_print_reply(w->cli, (Bit__ErrorReply *)msg);
    else
        err = 1;
    bit_msg_free(msg);
    return err;
}

static int stream(struct follow *w)
{
    int err = bit_connection_open_waiting(&w->client, w->cli);

    while (err >= 0) {
        err = ask_events(w);
        while (err == 0 && !interrupted)
            err = take_reply(w);
        if (err != BIT_EDAEMON || interrupted)
            break;
        clear_line(w);
        err = bit_connection_reopen_said(&w->client, w->cli);
    }
    bit_connection_close(&w->client);
    return err;
}

static int detach(struct follow *w)
{
    clear_line(w);
    bit_show(stderr, "\nDetached; the run goes on. Come back with\n  bitctl events %s --follow\n  bitctl top %s\n",
             w->run, w->run);
    return 128 + SIGINT; /* as if the signal had ended the program */
}

static int finish(struct follow *w)
{
    Bit__RunStatus *status = NULL;
    int code = bit_run_status_ask(w->cli, w->run, true, &status);

    if (code)
        return code;
    clear_line(w);
    if (!w->cli->json && !w->cli->quiet) {
        bit_fold_stdout();
        bit_run_summary_print(stdout, &w->history, w->directory);
    }
    code = status->has_exit_code                  ? status->exit_code
           : bit_run_status_is_end(status->state) ? BIT_EXIT_FAILURE
                                                  : BIT_EXIT_UNFINISHED;
    bit_msg_free(status);
    return code;
}

int bit_follow(struct bit_cli *cli, const char *run)
{
    struct follow w = {.cli = cli, .run = run, .terminal = bit_terminal(stderr)};
    struct sigaction act = {.sa_handler = on_interrupt}, old;
    Bit__RunStatus *status = NULL;

    int code = bit_run_status_ask(cli, run, true, &status);
    if (code)
        return code;
    w.steps = status->steps;
    w.directory = status->directory && *status->directory ? strdup(status->directory) : NULL;
    w.spec = status->spec; /* used after the status is freed */
    status->spec = NULL;
    bit_msg_free(status);
    bit_run_summary_init(&w.history);
    sigaction(SIGINT, &act, &old);
    int err = stream(&w);
    sigaction(SIGINT, &old, NULL);
    if (interrupted)
        code = detach(&w);
    else if (err >= 1000)
        code = err - 1000;
    else if (err < 0)
        code = bit_failure_print(cli, err);
    else
        code = finish(&w);
    bit_run_summary_finish(&w.history);
    free(w.directory);
    bit_msg_free(w.spec);
    return code;
}
