#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/status_page.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"

enum { OPT_INTERVAL };
static const struct bit_option options[] = {
    {"interval", 'n', "SECONDS", "Redraw so often; default 1."},
    {0},
};

static volatile sig_atomic_t stopped;
static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

/* The page is printed into memory first and written at once, so that the terminal never shows half of it. */
static int draw(const Bit__RunStatus *status, bool terminal)
{
    int columns, rows;
    char *page = NULL;
    size_t bytes = 0;

    bit_terminal_size(stdout, &columns, &rows);
    FILE *f = open_memstream(&page, &bytes);
    if (!f)
        return -errno;
    if (terminal) {
        bit_show(f, "\033[H\033[J");
        bit_status_page_fit(f, status, columns, rows - 1);
        bit_show(f, "\033[%d;1H%.*s", rows, columns, "q leaves; the run goes on.");
    } else {
        bit_status_page_print(f, status, columns, rows > 28 ? rows - 20 : 8);
    }
    fclose(f);
    bit_show_raw(stdout, page, bytes);
    fflush(stdout);
    free(page);
    return 0;
}

/* True when a key that leaves was pressed within `ms`. */
static bool wait_key(bool terminal, int ms)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;

    if (!terminal)
        p.fd = -1;
    if (poll(&p, 1, ms) <= 0)
        return false;
    return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 27;
}

static bool has_ended(Bit__RunState s)
{
    return s == BIT__RUN_STATE__COMPLETED || s == BIT__RUN_STATE__FAILED || s == BIT__RUN_STATE__CANCELLED;
}

/* *last is the status of a run that has ended; the caller's. */
static int watch(struct bit_cli *cli, const char *run, double interval, bool terminal, Bit__RunStatus **last)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;

    ask.run = bit_lend(run);
    ask.has_points = true;
    ask.points = 400;
    while (!stopped) {
        Bit__RunStatus *status = NULL;
        int code = bit_connection_ask(cli, BIT_MSG_STATUS_REQUEST, &ask, BIT_MSG_RUN_STATUS, &status);
        if (code)
            return code;
        if (cli->json)
            bit_print_json(status);
        else
            draw(status, terminal);
        if (has_ended(status->state)) {
            *last = status;
            return status->has_exit_code ? status->exit_code : BIT_EXIT_OK;
        }
        bit_msg_free(status);
        if (wait_key(terminal, (int)(interval * 1000)))
            break;
    }
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_top, .cli = cli};
    struct termios saved;
    Bit__RunStatus *last = NULL;
    double interval = 1;
    int got;

    while ((got = bit_options_next(&o, argc, argv)) >= 0) {
        char *end;
        interval = strtod(o.value, &end);
        if (*end || !(interval >= 0.05 && interval <= 3600))
            return bit_usage(&bit_cmd_top, "--interval takes 0.05 to 3600 seconds, not '%s'", o.value);
    }
    int code = bit_options_end(&o, got, argc, argv, 1);
    if (code >= 0)
        return code;
    bool terminal = !cli->json && bit_terminal(stdout) && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (terminal) {
        struct termios raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        bit_show(stdout, "\033[?1049h\033[?25l");
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
    }
    code = watch(cli, argv[o.rest], interval, terminal, &last);
    if (terminal) {
        bit_show(stdout, "\033[?25h\033[?1049l");
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
        if (last != NULL) /* what the screen showed is gone with it */
            draw(last, false);
    }
    bit_msg_free(last);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__run_status__descriptor, "again and again; the last one is that of the end"},
    {0},
};

const struct bit_cli_verb bit_cmd_top = {
    .name = "top",
    .summary = "watch one run, redrawn every second",
    .synopsis = "RUN [--interval=SECONDS]",
    .description =
        "Redraws what `bitctl status --curve` prints until q is pressed or the run ends; then the last page stays,\n"
        "and the exit code is the run's. Off a terminal, and with --json, it prints one status after another.",
    .options = options,
    .quiet = "The same pages.",
    .json = objects,
    .examples = "$ bitctl top @last",
    .run = run,
};
