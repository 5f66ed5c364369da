#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_status.h"
#include "ctl/show/diff.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct bit_option options[] = {
    {0},
};

/* One side: RUN or RUN#ATTEMPT. */
struct side {
    char run[BIT_NAME_MAX + 16];
    char label[BIT_RUN_ID_MAX + 16]; /* for people: "r7", "r7#2" */
    struct bit_diff_steps steps;
    Bit__RunStatus *status;
    size_t changes; /* the first ones of status->change, which hold for these steps */
    Bit__EventsRequest ask;
    int err;
};

/* "@last#2": digits after the last # are the attempt, unless nothing comes before the #. */
static bool parse_side(const char *text, struct side *s)
{
    const char *at = strrchr(text, '#');
    uint64_t attempt = 0;
    size_t length = strlen(text);

    if (at != NULL && at != text && bit_parse_u64(at + 1, &attempt)) {
        if (attempt == 0 || attempt > UINT32_MAX)
            return false;
        length = (size_t)(at - text);
    }
    if (length >= sizeof s->run)
        return false;
    *s = (struct side){.ask = BIT__EVENTS_REQUEST__INIT};
    memcpy(s->run, text, length);
    s->steps.wanted = (uint32_t)attempt;
    return true;
}

static int ask(void *arg, struct bit_connection *client)
{
    struct side *s = arg;

    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &s->ask);
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct side *s = arg;

    if (type == BIT_MSG_EVENT_REPLY && s->err == 0)
        s->err = bit_diff_note(&s->steps, ((const Bit__EventReply *)msg)->record);
}

/* Asks for the settings, then for the journal, both as they are now; the run may still train. */
static int fetch(struct bit_cli *cli, struct side *s)
{
    int code = bit_run_status_ask(cli, s->run, true, &s->status);

    if (code)
        return code;
    snprintf(s->label, sizeof s->label, s->steps.wanted != 0 ? "%s#%u" : "%s", s->status->run, s->steps.wanted);
    s->ask.run = s->status->run;
    s->ask.has_steps = s->ask.steps = true;
    code = bit_reply_stream(cli, false, ask, take, s);
    if (code == 0 && s->err == 0 && s->steps.wanted > s->steps.attempt)
        s->err = bit_fail(BIT_ESTATE, "%s has no attempt %u: there %s %u", s->status->run, s->steps.wanted,
                          s->steps.attempt == 1 ? "was" : "were", s->steps.attempt);
    if (code == 0 && s->err == 0 && s->status->spec != NULL) {
        s->err = bit_diff_take_back(s->status->spec, s->status->change, s->status->n_change, s->steps.until);
        s->changes = (size_t)BIT_MAX(s->err, 0);
    }
    return code == 0 && s->err < 0 ? bit_failure_print(cli, s->err) : code;
}

static void release(struct side *s)
{
    bit_diff_finish(&s->steps);
    bit_msg_free(s->status);
}

/* ---- printing */

/* " (r1: 150 until step 40)", for each change. */
static void print_changes(const struct side *s, const char *setting)
{
    for (size_t i = 0; i < s->changes; i++) {
        const Bit__Change *c = s->status->change[i];
        if (strcmp(c->setting, setting) == 0)
            bit_show(stdout, "  (%s: %s until step %" PRIu64 ")", s->label, c->was, c->step);
    }
}

static void print_text(const struct side *a, const struct side *b, const struct bit_diff_setting *settings,
                       size_t count, const struct bit_diff_result *r)
{
    bit_fold_stdout();
    for (size_t i = 0; i < count; i++) {
        bit_show(stdout, "%-28s %s | %s", settings[i].path, settings[i].a, settings[i].b);
        print_changes(a, settings[i].path);
        print_changes(b, settings[i].path);
        bit_show(stdout, "\n");
    }
    if (r->from > r->to) {
        bit_show(stdout, "no step that both did\n");
        return;
    }
    if (!r->comparable)
        bit_show(stdout, "not comparable      %s: sums are added in another order, so losses are left out\n",
                 r->machines);
    if (r->step != 0)
        bit_show(stdout, "first difference    step %" PRIu64 ", %s\n    %s %s\n    %s %s\n", r->step, r->first.field,
                 a->label, r->first.was, b->label, r->first.is);
    else
        bit_show(stdout, "equal               steps %" PRIu64 " to %" PRIu64 ", %s\n", r->from, r->to,
                 r->comparable ? "bit for bit" : "in data, phase, strength and learning rate");
    const struct bit_fact *last = r->step == 0 && r->comparable ? bit_diff_fact(&a->steps, r->to) : NULL;
    if (last != NULL && last->link != 0)
        bit_show(stdout, "chain               %016" PRIx64 " at step %" PRIu64 "\n", last->link, r->to);
}

static int print_json(const struct side *a, const struct side *b, struct bit_diff_setting *settings, size_t count,
                      struct bit_diff_result *r)
{
    Bit__DiffSetting *setting = calloc(count + 1, sizeof *setting), **list = calloc(count + 1, sizeof *list);
    Bit__DiffFact first = BIT__DIFF_FACT__INIT;
    Bit__Diff m = BIT__DIFF__INIT;
    int err = setting == NULL || list == NULL ? bit_fail(-ENOMEM, "settings") : 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        bit__diff_setting__init(list[i] = &setting[i]);
        setting[i].setting = settings[i].path;
        setting[i].a = settings[i].a;
        setting[i].b = settings[i].b;
    }
    first.step = r->step;
    first.field = bit_lend(r->first.field);
    first.a = r->first.was;
    first.b = r->first.is;
    m.a = a->status->run;
    m.b = b->status->run;
    m.equal = r->step == 0 && r->comparable && r->from <= r->to;
    m.comparable = r->comparable;
    m.n_settings = count;
    m.settings = list;
    m.from = r->from;
    m.to = r->to;
    m.why = r->comparable ? NULL : r->machines;
    m.n_a_change = a->changes;
    m.a_change = a->status->change;
    m.n_b_change = b->changes;
    m.b_change = b->status->change;
    m.first = r->step != 0 ? &first : NULL;
    if (err == 0)
        bit_print_json(&m);
    free(list);
    free(setting);
    return err;
}

static int compare(struct bit_cli *cli, struct side *a, struct side *b)
{
    struct bit_diff_setting *settings = calloc(BIT_DIFF_SETTINGS_MAX, sizeof *settings);
    struct bit_diff_result result;

    if (settings == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "settings"));
    const bool ranks = bit_diff_changed_midway(a->status->change, a->changes, "launch.ranks") ||
                       bit_diff_changed_midway(b->status->change, b->changes, "launch.ranks");
    size_t count = bit_diff_settings(a->status->spec, b->status->spec, ranks ? "launch.ranks" : NULL, settings);
    bit_diff_compare(&a->steps, &b->steps, &result);
    int err = 0;
    if (cli->json)
        err = print_json(a, b, settings, count, &result);
    else if (!cli->quiet)
        print_text(a, b, settings, count, &result);
    free(settings);
    if (err < 0)
        return bit_failure_print(cli, err);
    return result.step != 0 || result.from > result.to || !result.comparable ? BIT_EXIT_FAILURE : BIT_EXIT_OK;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {&bit_cmd_diff, cli, .least = 2, .most = 2};
    struct side a, b;
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    for (int i = 0; i < 2; i++)
        if (!parse_side(o.word[i], i == 0 ? &a : &b))
            return bit_usage(&bit_cmd_diff, "'%s' is no RUN or RUN#ATTEMPT", o.word[i]);
    code = fetch(cli, &a);
    if (code == 0)
        code = fetch(cli, &b);
    if (code == 0)
        code = compare(cli, &a, &b);
    release(&a);
    release(&b);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__diff__descriptor, "once"},
    {0},
};

const struct bit_cli_verb bit_cmd_diff = {
    .name = "diff",
    .summary = "compare two runs step by step, to the bit",
    .synopsis = "RUN[#ATTEMPT] RUN[#ATTEMPT]",
    .description =
        "Prints the settings that differ, including changes after the submission, each with the step until which\n"
        "the earlier value held.\n\n"
        "Then the first step and the first of its facts that differ: where its batch lies in the order of the\n"
        "data, its tokens, phase, strength, learning rate, loss and gradient norm, each as its bits and as a\n"
        "number. Runs that still train are compared as far as they have come. RUN#2 is the second attempt of RUN:\n"
        "so a run can be compared with itself before and after a restart.\n\n"
        "Losses are sums, and another number of ranks, another micro-batch or another processor adds them in\n"
        "another order: they are then not compared, and the output says so. Exit 0: equal to the bit, 1: not.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl diff keep reset          # equal up to the switch, and not after it\n"
                "$ bitctl diff @last#1 @last#2     # before and after a restart\n"
                "$ bitctl diff r3 r4 --json | jq .first.step",
    .run = run,
};
