#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/first_reply.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_word.h"
#include "ctl/client/sweep_follow.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/text/nearest.h"
#include "proto/text/precision.h"

enum { OPT_FOR, OPT_TIMEOUT, OPT_ANY };
static const struct bit_option options[] = {
    {"for", 0, "WHAT",
     "state=NAME, step=N, phase=16bit|ternary or checkpoint=N (a durable one at or after step N); default: the end."},
    {"timeout", 't', "SECONDS", "Give up after this time, with exit code 101."},
    {"any", 0, NULL, "Of several runs, return when the wait for the first of them is over."},
    {0},
};

/* A word of the command line, looked up before the first wait: its name or @last may mean another run later. */
struct awaited {
    char id[BIT_RUN_ID_MAX];
    bool is_sweep;
    int code; /* not 0: it does not exist, which was printed */
};

struct state {
    struct bit_cli *cli;
    Bit__WaitRequest ask;
    const char *awaited; /* the value of --for; borrowed */
    int exit_code;
    unsigned timeout; /* seconds; 0: none */
    bool any;
    struct awaited *all;
};

static int ask(void *arg, struct bit_connection *client)
{
    struct state *s = arg;

    return bit_connection_send(client, BIT_MSG_WAIT_REQUEST, &s->ask);
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct state *s = arg;

    if (type != BIT_MSG_WAIT_REPLY)
        return;
    const Bit__RunStatus *status = ((const Bit__WaitReply *)msg)->status;
    const bool never = ((const Bit__WaitReply *)msg)->never;
    s->exit_code = status->has_exit_code ? status->exit_code : BIT_EXIT_OK;
    if (never && s->exit_code == BIT_EXIT_OK)
        s->exit_code = BIT_EXIT_UNFINISHED;
    if (s->cli->json)
        bit_print_json(status);
    else if (!s->cli->quiet) {
        bit_show(stdout, "%s: ", status->run);
        bit_show_state(stdout, status->state, status->reason);
        bit_show(stdout, "\n");
    }
    if (never && !s->cli->quiet)
        bit_show(stderr, "bitctl: %s has ended without %s\n", status->run, s->awaited);
}

static int take_state(Bit__WaitRequest *ask, const char *name)
{
    for (int s = BIT__RUN_STATE__QUEUED; s <= BIT__RUN_STATE__FAILED; s++)
        if (strcmp(name, bit_text_state((Bit__RunState)s)) == 0) {
            ask->has_state = true;
            ask->state = (Bit__RunState)s;
            return 0;
        }
    return bit_usage_names(&bit_cmd_wait, "--for state=", name, bit_text_states());
}

static int take_for(Bit__WaitRequest *ask, const char *what)
{
    static const char *const keys[] = {"state", "step", "phase", "checkpoint", NULL}, *const phases[] = {
                                                                                          "16bit", "ternary", NULL};
    char key[32], hint[BIT_NEAREST_HINT];
    uint64_t n;

    if (strncmp(what, "state=", 6) == 0)
        return take_state(ask, what + 6);
    if (strncmp(what, "phase=", 6) == 0) {
        if (bit_precision_parse(what + 6, &ask->precision) < 0)
            return bit_usage_names(&bit_cmd_wait, "--for phase=", what + 6, phases);
        ask->has_precision = true;
        return 0;
    }
    if (strncmp(what, "step=", 5) == 0 && bit_parse_u64(what + 5, &n)) {
        ask->has_step = true;
        ask->step = n;
        return 0;
    }
    if (strncmp(what, "checkpoint=", 11) == 0 && bit_parse_u64(what + 11, &n)) {
        ask->has_checkpoint = true;
        ask->checkpoint = n;
        return 0;
    }
    bit_format(key, sizeof key, "%.*s", (int)BIT_MIN(strcspn(what, "="), sizeof key - 1), what);
    return bit_usage(&bit_cmd_wait, "--for takes state=NAME, step=N, phase=NAME or checkpoint=N, not '%s'%s", what,
                     bit_nearest_hint(key, keys, hint));
}

/* The message of the time-out. It is made in advance, because the signal handler may only call write and _exit. */
static struct {
    char *text;
    size_t bytes;
    int fd;
} gave_up;

static void on_alarm(int sig)
{
    (void)sig;
    if (gave_up.bytes > 0 && write(gave_up.fd, gave_up.text, gave_up.bytes) < 0)
        _exit(BIT_EXIT_CANTCREATE);
    _exit(BIT_EXIT_UNFINISHED);
}

/* Makes the message for the run that is waited for next; SIGALRM must be blocked meanwhile. */
static void prepare_text(const struct state *s)
{
    const bool step = s->awaited != NULL;

    free(gave_up.text);
    gave_up.text = NULL;
    gave_up.bytes = 0;
    FILE *f = s->cli->quiet && !s->cli->json ? NULL : open_memstream(&gave_up.text, &gave_up.bytes);
    if (f == NULL)
        return;
    bit_fail(BIT_ETIMEOUT, "%s has not %s%s within %u s", s->ask.run, step ? "come to " : "ended",
             step ? s->awaited : "", s->timeout);
    bit_failure_write(f, s->cli, BIT_ETIMEOUT);
    fclose(f);
    gave_up.fd = s->cli->json ? STDOUT_FILENO : STDERR_FILENO;
}

static void prepare_to_give_up(const struct state *s)
{
    sigset_t alarms, before;

    if (s->timeout == 0)
        return;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, &before);
    prepare_text(s);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void find(struct bit_cli *cli, const char *word, struct awaited *a)
{
    a->code = bit_sweep_word(cli, word, a->id);
    a->is_sweep = a->code < 0;
    a->code = a->code == 0 ? bit_run_word(cli, word, a->id) : BIT_MAX(a->code, 0);
}

/* Waits for a run, or for the end of a sweep. */
static int wait_for_one(struct state *s, struct awaited *a)
{
    if (a->code != 0)
        return a->code;
    if (a->is_sweep)
        return s->awaited == NULL ? bit_sweep_wait(s->cli, a->id)
                                  : bit_usage(&bit_cmd_wait, "%s is a sweep: only its end can be waited for", a->id);
    s->ask.run = a->id;
    s->exit_code = BIT_EXIT_OK;
    const int code = bit_reply_stream(s->cli, true, ask, take, s);
    return code ? code : s->exit_code;
}

/* Waits for one after the other. A run that was done earlier is reported when its turn comes. */
static int wait_for_all(struct state *s, int count, char **words)
{
    int first = 0;

    for (int i = 0; i < count && first != BIT_EXIT_UNAVAILABLE; i++) {
        s->ask.run = words[i];
        prepare_to_give_up(s);
        int code = wait_for_one(s, &s->all[i]);
        first = first ? first : code;
    }
    return first;
}

static int ask_one(void *arg, int which, struct bit_connection *client)
{
    struct state *s = arg;

    s->ask.run = s->all[which].id;
    return ask(s, client);
}

static int wait_for_any(struct state *s, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (s->all[i].code != 0)
            return s->all[i].code;
        if (s->all[i].is_sweep)
            return bit_usage(&bit_cmd_wait, "--any takes runs, and %s is a sweep: wait for it alone", words[i]);
    }
    const int code = bit_first_reply(s->cli, count, ask_one, take, s);
    return code ? code : s->exit_code;
}

static int wait_for(struct state *s, int count, char **words)
{
    s->all = calloc((size_t)count, sizeof *s->all);
    if (s->all == NULL)
        return bit_failure_print(s->cli, bit_fail(-ENOMEM, "%d runs", count));
    for (int i = 0; i < count; i++)
        if (i == 0 || s->all[i - 1].code != BIT_EXIT_UNAVAILABLE)
            find(s->cli, words[i], &s->all[i]);
        else
            s->all[i].code = BIT_EXIT_UNAVAILABLE;
    const int code = (s->any ? wait_for_any : wait_for_all)(s, count, words);
    free(s->all);
    return code;
}

static int take_option(void *arg, int option, const char *value)
{
    struct state *s = arg;
    uint64_t timeout;

    if (option == OPT_FOR)
        return take_for(&s->ask, s->awaited = value);
    if (option == OPT_ANY) {
        s->any = true;
        return 0;
    }
    if (!bit_parse_u64(value, &timeout) || timeout == 0 || timeout > 31536000)
        return bit_usage(&bit_cmd_wait, "--timeout takes seconds, not '%s'", value);
    s->timeout = (unsigned)timeout;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct state s = {.cli = cli, .ask = BIT__WAIT_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_wait, cli, take_option, &s, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (s.timeout != 0) {
        s.ask.run = o.word[0];
        prepare_to_give_up(&s);
        signal(SIGALRM, on_alarm);
        alarm(s.timeout);
    }
    return wait_for(&s, o.words, o.word);
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "for each run, when the wait for it is over"},
    {&bit__sweep_reply__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_wait = {
    .name = "wait",
    .summary = "wait for a run's end, a step, a phase or a checkpoint",
    .synopsis = "RUN|SWEEP... [--for=WHAT] [--any] [--timeout=SECONDS]",
    .description =
        "Waits until the run has ended, or until what --for names has happened, and survives a restart of the\n"
        "daemon. The exit code is that of the run's end: 0 completed, 100 failed, 103 cancelled, 104 stopped by a\n"
        "rule, 105 could not be launched. If the run ends before what was waited for, it returns with the end's\n"
        "code, or 101 if the run completed without it.\n\n"
        "For a sweep (its id, s1, or its name) it waits for the end of every run; the code is 0 if all completed.\n\n"
        "With several runs it waits for all; each gets a line, in the order given, and the exit code is the first\n"
        "of theirs that is not 0. With --any it returns when the first wait is over, with its code.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl wait @last && echo trained\n"
                "$ bitctl wait @last --for phase=ternary --timeout 3600",
    .run = run,
};

int bit_wait_for(struct bit_cli *cli, const char *run)
{
    char *argv[] = {bit_lend("wait"), bit_lend(run), NULL};

    optind = 0;
    return bit_cmd_wait.run(cli, 2, argv);
}
