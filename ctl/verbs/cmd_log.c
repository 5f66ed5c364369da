#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/options.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_word.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/format.h"

#define LINE_MOST (1u << 20) /* bytes of a line with --json; a longer one is split */

enum { OPT_FOLLOW, OPT_TAIL, OPT_ATTEMPT, OPT_RAW };
static const struct bit_option options[] = {
    {"follow", 'f', NULL, "Continue with new lines until the run ends."},
    {"tail", 'n', "LINES", "Only the last lines."},
    {"attempt", 0, "N", "Of the Nth launch of the workers; default: the newest. `bitctl events` lists them all."},
    {"raw", 0, NULL, "The bytes as they are, terminal escapes too; for files and programs."},
    {0},
};

struct state {
    Bit__LogRequest ask;
    bool raw, json;
    struct bit_show_held held;
    char *line; /* --json: the beginning of a line that is not finished; heap */
    size_t line_bytes;
};

static int ask(void *arg, struct bit_connection *client)
{
    struct state *s = arg;

    return bit_connection_send(client, BIT_MSG_LOG_REQUEST, &s->ask);
}

/* ---- the reply */

/* Prints the line that was collected, without a newline at its end. */
static void print_line(const struct state *s)
{
    char *text = malloc(s->line_bytes + 1);
    Bit__LogLine m = BIT__LOG_LINE__INIT;

    if (text == NULL)
        return;
    bit_format(text, s->line_bytes + 1, "%.*s", (int)s->line_bytes, s->line);
    m.attempt = s->ask.attempt;
    m.text = text;
    bit_print_json(&m);
    free(text);
}

static void add_to_line(struct state *s, const char *text, size_t bytes)
{
    char *line = realloc(s->line, s->line_bytes + bytes + 1);

    if (line == NULL)
        return;
    s->line = line;
    memcpy(s->line + s->line_bytes, text, bytes);
    s->line_bytes += bytes;
}

static void print_lines(struct state *s, const char *text, size_t bytes)
{
    const char *end;

    for (; (end = memchr(text, '\n', bytes)) != NULL; bytes -= (size_t)(end + 1 - text), text = end + 1) {
        add_to_line(s, text, (size_t)(end - text));
        print_line(s);
        s->line_bytes = 0;
    }
    add_to_line(s, text, bytes);
    if (s->line_bytes > LINE_MOST) { /* an endless line must not be held in memory */
        print_line(s);
        s->line_bytes = 0;
    }
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct state *s = arg;

    if (type != BIT_MSG_LOG_REPLY)
        return;
    const Bit__LogReply *log = (const Bit__LogReply *)msg;
    if (log->has_attempt && log->has_offset) { /* where a new connection continues */
        s->ask.has_attempt = s->ask.has_offset = true;
        s->ask.attempt = log->attempt;
        s->ask.offset = log->offset;
        s->ask.has_tail_lines = false;
    }
    if (s->json)
        print_lines(s, (const char *)log->text.data, log->text.len);
    else if (s->raw)
        bit_show_raw(stdout, log->text.data, log->text.len);
    else
        bit_show_piece(stdout, &s->held, (const char *)log->text.data, log->text.len);
    fflush(stdout);
}

/* ---- the command line */

static int take_option(void *arg, int option, const char *value)
{
    struct state *s = arg;
    uint64_t attempt = 0;
    int code = 0;

    switch (option) {
    case OPT_FOLLOW:
        s->ask.has_follow = s->ask.follow = true;
        break;
    case OPT_RAW:
        s->raw = true;
        break;
    case OPT_TAIL:
        s->ask.has_tail_lines = true;
        code = bit_options_number(&bit_cmd_log, option, value, 0, UINT64_MAX, &s->ask.tail_lines);
        break;
    default:
        s->ask.has_attempt = true;
        code = bit_options_number(&bit_cmd_log, option, value, 0, UINT32_MAX, &attempt);
        s->ask.attempt = (uint32_t)attempt;
    }
    return code;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct state s = {.ask = BIT__LOG_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_log, cli, take_option, &s, .least = 1, .most = 1};
    char id[BIT_RUN_ID_MAX];
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    code = bit_run_word_to_follow(cli, o.word[0], s.ask.follow, id, &s.ask.run);
    if (code != 0)
        return code;
    s.json = cli->json;
    code = bit_reply_stream(cli, s.ask.follow, ask, take, &s);
    if (s.line_bytes > 0)
        print_line(&s);
    free(s.line);
    bit_show_piece_end(stdout, &s.held);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__log_line__descriptor, "for each line"},
    {0},
};

const struct bit_cli_verb bit_cmd_log = {
    .name = "log",
    .summary = "print what the workers wrote",
    .synopsis = "RUN [--follow] [--tail=LINES] [--attempt=N] [--raw]",
    .description =
        "Prints the workers' log of the newest launch, or of the Nth. Works for ended runs too; without --follow\n"
        "it never blocks.\n\n"
        "Newlines and tabs are printed; every other character that would act on a terminal is shown as an escape\n"
        "(\\x1b), also in a pipe, whose reader may be a terminal. --raw prints the bytes of the file.",
    .options = options,
    .quiet = "Leaves nothing out: a log is its lines.",
    .json = objects,
    .examples = "$ bitctl log @last -f\n"
                "$ bitctl log r7 --attempt 1 -n 50",
    .run = run,
};
