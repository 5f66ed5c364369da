#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/report/page.h"
#include "ctl/report/past_fetch.h"
#include "ctl/report/sweep_fetch.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/tokenize/whole_file.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

#define RUNS_MAX 256

enum { OPT_OUTPUT, OPT_FORCE };
static const struct bit_option options[] = {
    {"output", 'o', "FILE", "The file to make; - is standard output."},
    {"force", 0, NULL, "Replace FILE if it exists."},
    {0},
};

struct report {
    struct bit_cli *cli;
    const char *output;
    bool force;
    struct bit_run_past run[RUNS_MAX];
    size_t count;
    Bit__SweepReply *sweep; /* NULL: the report is on runs */
    Bit__ListReply *all;
    Bit__VersionReply *bitd;
    uint64_t made_ns;
    char *text; /* the page */
    size_t bytes;
};

static bool to_stdout(const struct report *r)
{
    return strcmp(r->output, "-") == 0;
}

/* ---- runs and sweeps */

/* reproducible-builds.org: "SOURCE_DATE_EPOCH Specification", version 1.1. */
static int find_time(uint64_t *out)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds = (uint64_t)time(NULL);

    if (epoch != NULL && (!bit_parse_u64(epoch, &seconds) || seconds > INT32_MAX * 100ull))
        return bit_usage(&bit_cmd_report, "SOURCE_DATE_EPOCH is '%s', and no number of seconds since 1970", epoch);
    *out = seconds * 1000000000u;
    return 0;
}

/* A run that is named twice is reported once. */
static bool is_there(const struct report *r, const char *run)
{
    for (size_t i = 0; i + 1 < r->count; i++)
        if (strcmp(r->run[i].status->run, run) == 0)
            return true;
    return false;
}

static int fetch_run(struct report *r, const char *name)
{
    if (r->count == RUNS_MAX)
        return bit_usage(&bit_cmd_report, "at most %d runs", RUNS_MAX);
    const int code = bit_past_fetch(r->cli, name, &r->run[r->count++]);
    if (code == 0 && is_there(r, r->run[r->count - 1].status->run))
        bit_run_past_finish(&r->run[--r->count]);
    return code;
}

/* A branch's run may have been removed since. */
static bool is_listed(const struct report *r, const char *run)
{
    for (size_t i = 0; i < r->all->n_run; i++)
        if (strcmp(r->all->run[i]->run, run) == 0)
            return true;
    return false;
}

/* Fetches a run, or a sweep: those of its branches that have a run. */
static int fetch_word(struct report *r, const char *word, bool alone)
{
    Bit__SweepReply *sweep;
    int code = bit_sweep_fetch(r->cli, word, &sweep);

    if (code == 0 && sweep == NULL)
        return fetch_run(r, word);
    if (code == 0 && !alone)
        code = bit_usage(&bit_cmd_report, "%s is a sweep, which has a report of its own", word);
    for (size_t i = 0; code == 0 && i < sweep->n_branch; i++)
        if (sweep->branch[i]->run != NULL && is_listed(r, sweep->branch[i]->run))
            code = fetch_run(r, sweep->branch[i]->run);
    r->sweep = sweep;
    return code;
}

static int fetch(struct report *r, int count, char **names)
{
    Bit__ListRequest list = BIT__LIST_REQUEST__INIT;
    Bit__VersionRequest version = BIT__VERSION_REQUEST__INIT;

    list.has_all = list.all = true;
    int code = bit_connection_ask(r->cli, BIT_MSG_LIST_REQUEST, &list, BIT_MSG_LIST_REPLY, &r->all);
    if (code == 0)
        code = bit_connection_ask(r->cli, BIT_MSG_VERSION_REQUEST, &version, BIT_MSG_VERSION_REPLY, &r->bitd);
    for (int i = 0; i < count && code == 0; i++)
        code = fetch_word(r, names[i], count == 1);
    return code;
}

static void finish(struct report *r)
{
    for (size_t i = 0; i < r->count; i++)
        bit_run_past_finish(&r->run[i]);
    bit_msg_free(r->sweep);
    bit_msg_free(r->all);
    bit_msg_free(r->bitd);
    free(r->text);
}

/* ---- the file */

static int print(struct report *r)
{
    const struct bit_page page = {r->run, r->count, r->sweep, r->all, r->bitd, r->made_ns};
    FILE *f = open_memstream(&r->text, &r->bytes);

    if (f == NULL)
        return bit_fail(-errno, "a page");
    int err = bit_page_print(f, &page);
    if (fclose(f) != 0 && err == 0)
        err = bit_fail(-errno, "a page");
    return err;
}

/* Checks before the requests what would be refused after them. */
static int check_output(const struct report *r)
{
    struct stat st;

    if (to_stdout(r) || lstat(r->output, &st) < 0)
        return 0;
    if (!S_ISREG(st.st_mode))
        return bit_fail(-EEXIST, "'%s' exists and is not a regular file; --output - prints to standard output",
                        r->output);
    return r->force ? 0 : bit_fail(-EEXIST, "'%s' exists; --force replaces it", r->output);
}

/* Splits "a/b.html" into "a" and "b.html". */
static int split(const char *path, char folder[BIT_PATH_MAX], const char **name)
{
    const char *slash = strrchr(path, '/');
    struct stat st;

    *name = slash != NULL ? slash + 1 : path;
    if ((*name)[0] == '\0')
        return bit_fail(-EISDIR, "'%s' names no file", path);
    const int bytes = slash == NULL ? snprintf(folder, BIT_PATH_MAX, ".")
                                    : snprintf(folder, BIT_PATH_MAX, "%.*s", (int)BIT_MAX(slash - path, 1), path);
    if (bytes >= BIT_PATH_MAX)
        return bit_fail(-ENAMETOOLONG, "'%s'", path);
    return stat(folder, &st) < 0 ? bit_fail(-errno, "folder '%s'", folder) : 0;
}

static int write_file(const struct report *r)
{
    char folder[BIT_PATH_MAX];
    const char *name;
    int err = split(r->output, folder, &name);

    if (err == 0)
        err = bit_whole_file_write(folder, name, (const uint8_t *)r->text, r->bytes, r->force);
    return bit_err_output(BIT_MIN(err, 0));
}

static int tell(const struct report *r)
{
    Bit__Reported m = BIT__REPORTED__INIT;
    char *names[RUNS_MAX], bytes[BIT_TEXT];

    for (size_t i = 0; i < r->count; i++)
        names[i] = r->run[i].status->run;
    m.output = bit_lend(r->output);
    m.run = names;
    m.n_run = r->count;
    m.bytes = r->bytes;
    if (r->cli->json)
        bit_print_json(&m);
    else if (!r->cli->quiet)
        bit_show(stdout, "%s: %s\n", r->output, bit_text_bytes((double)r->bytes, bytes));
    return BIT_EXIT_OK;
}

static int make(struct report *r)
{
    int err = print(r);

    if (err == 0 && to_stdout(r)) {
        bit_show_raw(stdout, r->text, r->bytes);
        return BIT_EXIT_OK;
    }
    if (err == 0)
        err = write_file(r);
    return err < 0 ? bit_failure_print(r->cli, err) : tell(r);
}

/* ---- the verb */

static int take_option(void *arg, int option, const char *value)
{
    struct report *r = arg;

    if (option == OPT_OUTPUT)
        r->output = value;
    else
        r->force = true;
    return 0;
}

/* < 0 to go on, or the exit code. */
static int check(const struct report *r)
{
    if (r->output == NULL || r->output[0] == '\0')
        return bit_usage(&bit_cmd_report, "--output which FILE? - is standard output");
    if (to_stdout(r) && r->cli->json)
        return bit_usage(&bit_cmd_report, "--json describes the file: not with --output -");
    return -1;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct report *r = calloc(1, sizeof *r);
    struct bit_options o = {&bit_cmd_report, cli, take_option, r, .least = 1, .most = BIT_WORDS_MANY};

    if (r == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "a report"));
    r->cli = cli;
    int code = bit_options_parse(&o, argc, argv);
    if (code < 0)
        code = check(r);
    if (code < 0) {
        const int err = check_output(r);
        code = err < 0 ? bit_failure_print(cli, err) : find_time(&r->made_ns);
        if (code == 0)
            code = fetch(r, o.words, o.word);
        if (code == 0)
            code = make(r);
    }
    finish(r);
    free(r);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__reported__descriptor, "once the file is there"},
    {0},
};

const struct bit_cli_verb bit_cmd_report = {
    .name = "report",
    .summary = "one HTML file about runs: curves, events, figures, digests",
    .synopsis = "RUN...|SWEEP --output FILE [--force]",
    .description =
        "Makes one HTML file about runs, or about a sweep with all of its runs: their curves, those of several in\n"
        "the same charts, the sweep's tree or the family of forks that they belong to, held-out losses in both\n"
        "precisions and what the switch cost, downstream tasks, what people changed during the runs, what\n"
        "happened to them, throughput and where the time went, devices, digests, and the specification: the\n"
        "fields that were given, those that differ from defaults and presets, and all of them.\n\n"
        "The file is self-contained: it loads nothing from the network, has no script, and suits dark mode,\n"
        "phones and paper. All of it comes from bitd's journal; a run that still trains is shown as far as it has\n"
        "come. The same journal gives the same bytes, except for the line that says when and by which bitctl it\n"
        "was made; its time is SOURCE_DATE_EPOCH if that is set.\n\n"
        "FILE is written completely or not at all, and an existing one is replaced only with --force. It contains\n"
        "names, notes and paths of the runs.",
    .options = options,
    .quiet = "Print nothing but mistakes.",
    .json = objects,
    .examples = "$ bitctl report @last --output last.html\n"
                "$ bitctl report keep reset --output both.html --force\n"
                "$ bitctl report r7 --output - | gzip > r7.html.gz",
    .run = run,
};
