#include <getopt.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/client/follow.h"
#include "ctl/show/dry_run.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_slurm.h"

enum { OPT_DRY_RUN, OPT_FOLLOW, OPT_WAIT, OPT_NAME, OPT_SET, OPT_PAUSED, OPT_REQUEST_ID };
static const struct bit_option options[] = {
    {"dry-run", 'n', NULL, "Check everything and print what would happen: specification, schedule, memory."},
    {"follow", 'f', NULL, "Show live progress until the run ends, then a summary; ends with the run's exit code."},
    {"wait", 'w', NULL, "Wait for the run's end in silence; ends with its exit code."},
    {"name", 0, "NAME", "The run's name, instead of the specification's."},
    {"set", 's', "KEY=VALUE", "Change a field, as in schedule.peak_lr=3e-4; may be repeated; += appends to a list."},
    {"paused", 0, NULL, "Take the run in, but start it only at `bitctl resume`."},
    {"request-id", 0, "ID", "Submit once for each ID: again with the same one, it is the run that there is."},
    {0},
};

struct submit {
    bool dry_run, follow, wait, paused;
    const char *name, *request_id;
    const char *set[64];
    int set_count;
};

static int parse(struct submit *s, struct bit_options *o, int argc, char **argv)
{
    int got;

    while ((got = bit_options_next(o, argc, argv)) >= 0) {
        switch (got) {
        case OPT_DRY_RUN:
            s->dry_run = true;
            break;
        case OPT_FOLLOW:
            s->follow = true;
            break;
        case OPT_WAIT:
            s->wait = true;
            break;
        case OPT_NAME:
            s->name = o->value;
            break;
        case OPT_PAUSED:
            s->paused = true;
            break;
        case OPT_REQUEST_ID:
            s->request_id = o->value;
            break;
        default:
            if (s->set_count == (int)(sizeof s->set / sizeof s->set[0]))
                return bit_usage(&bit_cmd_submit, "--set may be given 64 times at most");
            s->set[s->set_count++] = o->value;
        }
    }
    int words = bit_options_end(o, got, argc, argv, 1);
    if (words < 0 && s->follow + s->wait + s->dry_run > 1)
        return bit_usage(&bit_cmd_submit, "--dry-run, --follow and --wait exclude each other");
    return words;
}

/* Each problem as compilers print them, so that editors can jump to it. */
static int print_problems(struct bit_cli *cli, const char *path, const struct bit_problems *p)
{
    Bit__ErrorReply reply = BIT__ERROR_REPLY__INIT;
    int kept = p->count < BIT_PROBLEMS_MAX ? p->count : BIT_PROBLEMS_MAX;

    for (int i = 0; i < kept && !cli->json; i++) {
        const struct bit_problem *q = &p->item[i];
        bit_show(stderr, "%s:", path);
        if (q->line)
            bit_show(stderr, "%d:%d:", q->line, q->column);
        bit_show(stderr, " %s%s%s\n", q->field, *q->field ? ": " : "", q->text);
    }
    if (!cli->json) {
        bit_show(stderr, "bitctl: %d problem%s in %s; nothing was submitted\n", p->count, p->count == 1 ? "" : "s",
                 path);
        return BIT_EXIT_SPEC;
    }
    Bit__Problem problem[BIT_PROBLEMS_MAX], *list[BIT_PROBLEMS_MAX];
    for (int i = 0; i < kept; i++) {
        bit__problem__init(&problem[i]);
        problem[i].field = bit_lend(p->item[i].field);
        problem[i].text = bit_lend(p->item[i].text);
        problem[i].has_line = problem[i].has_column = p->item[i].line > 0;
        problem[i].line = (uint32_t)p->item[i].line;
        problem[i].column = (uint32_t)p->item[i].column;
        list[i] = &problem[i];
    }
    reply.error = BIT_ESPEC;
    reply.exit_code = BIT_EXIT_SPEC;
    reply.text = bit_lend("the specification has problems");
    reply.n_problem = (size_t)kept;
    reply.problem = list;
    bit_print_json(&reply);
    return BIT_EXIT_SPEC;
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int set_name(Bit__RunSpec *spec, const char *name, const char *path)
{
    char stem[BIT_PATH_MAX], *copy;

    if (!name && spec->name)
        return 0;
    if (!name && !is_file(path)) {
        name = "run"; /* of a pipe, which has no name of its own */
    } else if (!name) {
        snprintf(stem, sizeof stem, "%s", path);
        name = basename(stem);
        char *dot = strrchr(name, '.');
        if (dot && dot != name)
            *dot = '\0';
    }
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    free(spec->name);
    spec->name = copy;
    return 0;
}

/* Loads, changes and checks; the daemon checks again, but what can be said here is said with line and column. */
static int load(struct bit_cli *cli, const struct submit *s, const char *path, const char *directory,
                Bit__RunSpec **out)
{
    static struct bit_problems problems;
    Bit__RunSpec *spec = NULL, *normal = NULL;
    int err = bit_spec_load(path, &spec, &problems);

    for (int i = 0; err >= 0 && i < s->set_count; i++)
        err = bit_spec_set(spec, s->set[i], &problems);
    if (err >= 0)
        err = set_name(spec, s->name, path);
    if (err >= 0) {
        normal = bit_msg_clone(spec);
        err = normal ? bit_spec_normalise(normal, directory, &problems) : -ENOMEM;
        if (err >= 0)
            err = bit_spec_validate(normal, &problems);
        if (normal != NULL && (err >= 0 || err == BIT_ESPEC) && bit_spec_check_slurm_options(normal, &problems) < 0)
            err = BIT_ESPEC;
        if ((err >= 0 || err == BIT_ESPEC) && bit_spec_check_new_name(spec, &problems) < 0)
            err = BIT_ESPEC;
    }
    bit_msg_free(normal);
    if (err >= 0) {
        *out = spec;
        return 0;
    }
    bit_msg_free(spec);
    return problems.count ? print_problems(cli, path, &problems) : bit_failure_print(cli, err);
}

static int wait_quietly(struct bit_cli *cli, const char *run)
{
    char *argv[] = {bit_lend("wait"), bit_lend(run), NULL};

    optind = 0;
    return bit_cmd_wait.run(cli, 2, argv);
}

static int send(struct bit_cli *cli, const struct submit *s, Bit__RunSpec *spec, char *directory)
{
    Bit__SubmitRequest ask = BIT__SUBMIT_REQUEST__INIT;
    Bit__SubmitReply *reply = NULL;
    char id[40], run[BIT_RUN_ID_MAX];

    bit_request_id(id);
    ask.spec = spec;
    ask.request_id = s->request_id ? bit_lend(s->request_id) : id;
    ask.directory = directory;
    ask.has_dry_run = ask.dry_run = s->dry_run;
    ask.has_paused = ask.paused = s->paused;
    if (s->dry_run) {
        Bit__DryRunReply *dry = NULL;
        int code = bit_connection_ask(cli, BIT_MSG_SUBMIT_REQUEST, &ask, BIT_MSG_DRY_RUN_REPLY, &dry);
        if (code)
            return code;
        if (cli->json)
            bit_print_json(dry);
        else
            bit_dry_run_print(stdout, dry);
        bit_msg_free(dry);
        return 0;
    }
    int code = bit_connection_ask(cli, BIT_MSG_SUBMIT_REQUEST, &ask, BIT_MSG_SUBMIT_REPLY, &reply);
    if (code)
        return code;
    snprintf(run, sizeof run, "%s", reply->run);
    if (cli->json && !s->follow)
        bit_print_json(reply);
    else if (cli->quiet)
        bit_show(stdout, "%s\n", reply->run);
    else if (!cli->json)
        bit_show(stdout, "submitted %s as %s%s\n", reply->name, reply->run, s->paused ? ", paused" : "");
    fflush(stdout);
    bit_msg_free(reply);
    return s->follow ? bit_follow(cli, run) : s->wait ? wait_quietly(cli, run) : 0;
}

/* What the specification's relative paths are relative to: its folder, or ours where it comes through a pipe; heap, or
 * NULL with errno. */
static char *directory_of(const char *path)
{
    if (!is_file(path))
        return access(path, R_OK) == 0 ? getcwd(NULL, 0) : NULL;
    char *real = realpath(path, NULL), *directory = real ? strdup(dirname(real)) : NULL;
    free(real);
    return directory;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_submit, .cli = cli};
    struct submit s = {0};
    Bit__RunSpec *spec = NULL;

    int code = parse(&s, &o, argc, argv);
    if (code >= 0)
        return code;
    const char *path = strcmp(argv[o.rest], "-") == 0 ? "/dev/stdin" : argv[o.rest];
    char *directory = directory_of(path);
    if (!directory)
        return bit_failure_print(cli, bit_fail(-errno, "specification '%s'", path));
    code = load(cli, &s, path, directory, &spec);
    if (code == 0)
        code = send(cli, &s, spec, directory);
    bit_msg_free(spec);
    free(directory);
    return code;
}

const struct bit_cli_verb bit_cmd_submit = {
    .name = "submit",
    .summary = "hand a run specification to the daemon",
    .synopsis = "SPEC [--dry-run | --follow | --wait] [--name=NAME] [--set KEY=VALUE]... [--paused] "
                "[--request-id=ID]",
    .description =
        "Hands a run to bitd, which queues it and starts it when a slot is free. SPEC is a RunSpec in protobuf\n"
        "text format (.txtpb) or binary (.pb), or - for standard input; what it leaves out takes its preset's\n"
        "value, and relative paths are relative to SPEC's folder, or to this one if it is a pipe. Every mistake\n"
        "is reported at once, with line, column and the nearest name that exists, and nothing is submitted then.\n\n"
        "--dry-run prints the whole specification as the daemon would run it, the parameters, tokens and steps,\n"
        "the schedule at the steps that matter, and the memory of each rank.",
    .options = options,
    .examples = "$ bitctl submit --dry-run run.txtpb\n"
                "$ bitctl submit --follow run.txtpb --set phases.switch.at_step=4000\n"
                "$ id=$(bitctl submit -q run.pb) && bitctl wait $id",
    .run = run,
};
