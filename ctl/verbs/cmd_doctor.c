#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct bit_option options[] = {{0}};

static void print_findings(const Bit__DoctorReply *d)
{
    static const char *const mark[] = {"", "ok", "note", "BAD"};

    for (size_t i = 0; i < d->n_finding; i++) {
        const Bit__Finding *f = d->finding[i];
        bit_show(stdout, "%-5s %-11s %s\n", mark[f->severity], f->about, f->text);
        if (f->advice != NULL)
            bit_show(stdout, "%-17s %s\n", "", f->advice);
    }
}

static void print_times(const Bit__DoctorReply *d)
{
    char text[BIT_TEXT], other[BIT_TEXT];

    if (d->has_report_s)
        bit_show(stdout, "last step         %.1f s ago; %.1f s is the limit\n", d->report_s, d->watchdog_s);
    if (d->has_heartbeat_s)
        bit_show(stdout, "heartbeats        all within %.1f s, rank 0 in %s\n", d->heartbeat_s,
                 d->section ? d->section : "?");
    if (d->has_checkpoint_s)
        bit_show(stdout, "checkpoint        %s old, %s\n", bit_text_duration(d->checkpoint_s, text),
                 bit_text_bytes((double)d->checkpoint_bytes, other));
    if (d->has_disk_free)
        bit_show(stdout, "disk              %s free of %s\n", bit_text_bytes((double)d->disk_free, text),
                 bit_text_bytes((double)d->disk_bytes, other));
}

/* Milliseconds over the last steps. */
static const struct bit_table_column columns[] = {
    {"rank"},
    {"wait ms", .right = true, .leave = 1},
    {"forward", .right = true, .leave = 4},
    {"backward", .right = true, .leave = 3},
    {"comm", .right = true, .leave = 2},
    {"optimizer", .right = true, .leave = 5},
    {"other", .right = true, .leave = 6},
    {"ratio", .right = true},
};

static void add_rank(struct bit_table *t, const Bit__RankState *r)
{
    const double ms[] = {r->split->wait, r->split->forward,   r->split->backward,
                         r->split->comm, r->split->optimizer, r->split->other};
    char text[BIT_COUNT(columns)][32];
    const char *cells[BIT_COUNT(columns)];

    snprintf(text[0], sizeof text[0], "%u", r->rank);
    for (size_t i = 0; i < BIT_COUNT(ms); i++)
        snprintf(text[i + 1], sizeof text[0], "%.1f", ms[i]);
    snprintf(text[BIT_COUNT(columns) - 1], sizeof text[0], "%.2f", r->ratio);
    for (size_t i = 0; i < BIT_COUNT(columns); i++)
        cells[i] = text[i];
    bit_table_add(t, cells);
}

static void print_ranks(const Bit__DoctorReply *d, int width)
{
    struct bit_table table;

    if (d->n_rank == 0)
        return;
    bit_show(stdout, "\n");
    bit_table_init(&table, columns, BIT_COUNT(columns));
    for (size_t r = 0; r < d->n_rank; r++)
        add_rank(&table, d->rank[r]);
    bit_table_print(stdout, &table, width, SIZE_MAX);
    bit_table_finish(&table);
    if (d->has_ranks_not_told)
        bit_show(stdout,
                 "%u more ranks are not listed: above %d ranks a step's report has only the slowest %d and %d "
                 "quantiles\n",
                 d->ranks_not_told, BIT_RANKS_TOLD_MAX, BIT_RANKS_SLOWEST, BIT_RANKS_QUANTILES);
}

static void print_head(const Bit__RunStatus *s)
{
    bit_show(stdout, "%s %s: %s", s->run, s->name, bit_text_state(s->state));
    if (s->steps > 0)
        bit_show(stdout, " at step %" PRIu64 " of %" PRIu64, s->step, s->steps);
    bit_show(stdout, "\n\n");
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {&bit_cmd_doctor, cli, .least = 1, .most = 1};
    Bit__DoctorRequest ask = BIT__DOCTOR_REQUEST__INIT;
    Bit__DoctorReply *d = NULL;

    int code = bit_options_parse(&o, argc, argv);
    if (code >= 0)
        return code;
    ask.run = o.word[0];
    code = bit_connection_ask(cli, BIT_MSG_DOCTOR_REQUEST, &ask, BIT_MSG_DOCTOR_REPLY, &d);
    if (code)
        return code;
    bool bad = d->n_finding > 0 && d->finding[0]->severity == BIT__SEVERITY__BAD;
    if (cli->json) {
        bit_print_json(d);
    } else if (!cli->quiet) {
        const int width = bit_terminal_columns(stdout);
        bit_fold_stdout();
        print_head(d->status);
        print_findings(d);
        putchar('\n');
        print_times(d);
        print_ranks(d, width);
    }
    bit_msg_free(d);
    return bad ? BIT_EXIT_FAILURE : BIT_EXIT_OK;
}

static const struct bit_verb_object objects[] = {
    {&bit__doctor_reply__descriptor, "once"},
    {0},
};

const struct bit_cli_verb bit_cmd_doctor = {
    .name = "doctor",
    .summary = "diagnose a run: which rank is late and where, what is old, full or wrong",
    .synopsis = "RUN",
    .description =
        "Prints what is wrong with a run, the worst first, and what helps: ranks that are silent or late and in\n"
        "which part of a step, a missing step, checkpoints that are old or cannot be written, a disk that fills\n"
        "up, NaN, spikes, copies of the weights that differ, and whether the last resume was verified bit for\n"
        "bit. Below that, how long ago the last step, heartbeat and checkpoint were, and where each rank's time\n"
        "goes.\n\n"
        "The answer comes from the daemon's memory, not from the workers. Exit 0: nothing bad, 1: something is.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl doctor @last\n"
                "$ bitctl doctor @last --json | jq -r '.finding[] | select(.severity == \"bad\") | .text'",
    .run = run,
};
