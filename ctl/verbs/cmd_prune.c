#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/client/remove_run.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

enum { OPT_OLDER, OPT_KEEP, OPT_ALL_USERS, OPT_DRY_RUN };
static const struct bit_option options[] = {
    {"older-than", 0, "AGE", "Runs that ended at least this long ago: 90s, 30m, 12h, 7d, 2w."},
    {"keep", 0, "N", "Keep the newest N ended runs of each user."},
    {"all-users", 0, NULL, "Runs of all users, not only yours; for administrators."},
    {"dry-run", 'n', NULL, "Remove nothing; list what would be removed, and what that would free."},
    {0},
};

static bool parse_age(const char *text, uint64_t *out)
{
    static const char units[] = "smhdw";
    static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800};
    const size_t length = strlen(text);
    const char *unit = length > 1 ? strchr(units, text[length - 1]) : NULL;
    char digits[16];
    uint64_t n;

    if (unit == NULL || length > sizeof digits - 2)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)length - 1, text);
    if (!bit_parse_u64(digits, &n) || n > UINT32_MAX)
        return false;
    *out = n * seconds[unit - units];
    return true;
}

struct wishes {
    bool dry_run;
    Bit__PruneRequest ask;
};

static int take_option(void *arg, int option, const char *value)
{
    struct wishes *w = arg;
    Bit__PruneRequest *ask = &w->ask;
    uint64_t keep = 0;
    int code;

    switch (option) {
    case OPT_OLDER:
        ask->has_older_than_s = parse_age(value, &ask->older_than_s);
        return ask->has_older_than_s
                   ? 0
                   : bit_usage(&bit_cmd_prune, "--older-than takes an age such as 7d, not '%s'", value);
    case OPT_KEEP:
        ask->has_keep = true;
        code = bit_options_number(&bit_cmd_prune, option, value, 0, UINT32_MAX, &keep);
        ask->keep = (uint32_t)keep;
        return code;
    case OPT_ALL_USERS:
        ask->has_all_users = ask->all_users = true;
        return 0;
    default:
        w->dry_run = true;
        return 0;
    }
}

static const struct bit_table_column columns[] = {
    {"RUN"},
    {"NAME", .leave = 2, .narrowed = 8},
    {"STATE", .leave = 3},
    {"ENDED", .right = true, .leave = 1},
    {"TAKES", .right = true},
    {"STAYS, BECAUSE", .narrowed = 16},
};

static void add_row(struct bit_table *t, const Bit__PrunedRun *m, uint64_t now_ns)
{
    char bytes[BIT_TEXT], age[BIT_TEXT], ago[BIT_TEXT + 8];

    bit_text_duration(now_ns > m->ended_ns ? (double)(now_ns - m->ended_ns) / 1e9 : 0, age);
    snprintf(ago, sizeof ago, "%s ago", age);
    const char *const cells[] = {m->run,
                                 m->name,
                                 bit_text_state(m->state),
                                 ago,
                                 bit_text_bytes((double)m->bytes, bytes),
                                 m->spared ? m->spared : ""};
    bit_table_add(t, cells);
}

static void print_table(const Bit__PruneReply *plan)
{
    struct bit_table t;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < plan->n_run; i++)
        add_row(&t, plan->run[i], (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    bit_table_print(stdout, &t, bit_terminal_columns(stdout), SIZE_MAX);
    bit_table_finish(&t);
}

/* Prints what will be removed, before anything is. */
static void print_plan(struct bit_cli *cli, const Bit__PruneReply *plan, bool dry_run)
{
    uint64_t bytes = 0;
    unsigned count = 0;
    char text[BIT_TEXT];

    for (size_t i = 0; i < plan->n_run; i++) {
        if (cli->json && dry_run)
            bit_print_json(plan->run[i]);
        count += plan->run[i]->spared == NULL;
        bytes += plan->run[i]->spared == NULL ? plan->run[i]->bytes : 0;
    }
    if (cli->json || cli->quiet)
        return;
    if (plan->n_run > 0)
        print_table(plan);
    bit_show(stdout, "%u run%s to remove, %s\n", count, bit_format_s(count), bit_text_bytes((double)bytes, text));
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct wishes w = {.ask = BIT__PRUNE_REQUEST__INIT};
    struct bit_options o = {&bit_cmd_prune, cli, take_option, &w, .most = 0};
    Bit__PruneReply *plan = NULL;
    struct bit_remove_run so_far = {0};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (!w.ask.has_older_than_s && !w.ask.has_keep)
        return bit_usage(&bit_cmd_prune, "give --older-than AGE, --keep N, or both");
    code = bit_connection_ask(cli, BIT_MSG_PRUNE_REQUEST, &w.ask, BIT_MSG_PRUNE_REPLY, &plan);
    if (code)
        return code;
    print_plan(cli, plan, w.dry_run);
    for (size_t i = 0; !w.dry_run && i < plan->n_run && so_far.exit_code != BIT_EXIT_UNAVAILABLE; i++)
        if (plan->run[i]->spared == NULL)
            bit_remove_run(cli, plan->run[i]->run, &so_far);
    bit_remove_run_sum(cli, &so_far);
    bit_msg_free(plan);
    return so_far.exit_code;
}

static const struct bit_verb_object objects[] = {
    {&bit__pruned_run__descriptor, "with --dry-run: for each run that is old enough"},
    {&bit__removed_reply__descriptor, "otherwise: for each run that was removed"},
    {0},
};

const struct bit_cli_verb bit_cmd_prune = {
    .name = "prune",
    .summary = "remove old runs that have ended",
    .synopsis = "[--older-than=AGE] [--keep=N] [--all-users] [--dry-run]",
    .description =
        "Lists those of your runs that ended long enough ago and what each takes, and then removes one after the\n"
        "other as `bitctl rm` does, without asking. With both --older-than and --keep, a run is removed only if\n"
        "both apply to it. A run with pinned checkpoints, or from which another run still has to begin, stays and\n"
        "is listed with the reason. Runs that have not ended are never touched.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl prune --older-than 7d --dry-run\n"
                "$ bitctl prune --keep 10",
    .run = run,
};
