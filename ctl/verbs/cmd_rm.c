#include <stddef.h>

#include "ctl/cli/options.h"
#include "ctl/client/remove_run.h"
#include "ctl/client/remove_sweep.h"
#include "ctl/client/sweep_word.h"
#include "ctl/verbs/verbs.h"
#include "proto/bit.pb-c.h"
#include "proto/err.h"

enum { OPT_DRY_RUN, OPT_FORCE, OPT_KEEP_RUNS };
static const struct bit_option options[] = {
    {"dry-run", 'n', NULL, "Remove nothing; print what that would free."},
    {"force", 0, NULL, "Also a run with pinned checkpoints, or from which another still has to begin."},
    {"keep-runs", 0, NULL, "For a sweep: remove only the sweep; its runs stay."},
    {0},
};

struct rm {
    bool runs_stay; /* --keep-runs */
    struct bit_remove_run so_far;
};

static int keep_runs(struct bit_cli *cli, const char *sweep, const struct bit_remove_run *so_far)
{
    if (so_far->dry_run)
        return bit_usage(&bit_cmd_rm, "--dry-run says what removing runs would free, and --keep-runs keeps them");
    return bit_sweep_word_change(cli, sweep, BIT__SWEEP_CHANGE__SWEEP_REMOVE, false, false);
}

static void remove_one(struct bit_cli *cli, const char *word, struct rm *rm)
{
    struct bit_remove_run *so_far = &rm->so_far;
    char sweep[BIT_RUN_ID_MAX];
    int code = bit_sweep_word(cli, word, sweep);

    if (code == 0) {
        bit_remove_run(cli, word, so_far);
        return;
    }
    if (code < 0)
        code = rm->runs_stay ? keep_runs(cli, sweep, so_far) : bit_remove_sweep(cli, sweep, so_far);
    so_far->exit_code = so_far->exit_code ? so_far->exit_code : code;
}

static int take_option(void *arg, int option, const char *value)
{
    struct rm *rm = arg;

    if (option == OPT_DRY_RUN)
        rm->so_far.dry_run = true;
    else if (option == OPT_KEEP_RUNS)
        rm->runs_stay = true;
    else
        rm->so_far.force = true;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct rm rm = {.runs_stay = false};
    struct bit_options o = {&bit_cmd_rm, cli, take_option, &rm, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    for (int i = 0; i < o.words && rm.so_far.exit_code != BIT_EXIT_UNAVAILABLE; i++)
        remove_one(cli, o.word[i], &rm);
    bit_remove_run_sum(cli, &rm.so_far);
    return rm.so_far.exit_code;
}

static const struct bit_verb_object objects[] = {
    {&bit__removed_reply__descriptor, "for each run"},
    {&bit__sweep_reply__descriptor, "for a sweep, after its runs"},
    {0},
};

const struct bit_cli_verb bit_cmd_rm = {
    .name = "rm",
    .summary = "remove runs that have ended, with all that is kept of them",
    .synopsis = "RUN|SWEEP... [--dry-run] [--force] [--keep-runs]",
    .description =
        "Removes journals, logs and checkpoints of runs that have ended, without asking, and prints what that\n"
        "freed. RUN is an id, or a name that no other of your runs has. A run that has not ended stays, and so\n"
        "does one with pinned checkpoints, or from which another run still has to begin, unless --force is given.\n"
        "Only the user who submitted a run and administrators may remove it.\n\n"
        "If bitd is killed during a removal, it completes it when it starts again. The number of a removed run is\n"
        "given to no other run.\n\n"
        "A sweep (its id, s1, or its name) is removed with all its runs once each of them has ended. If one of\n"
        "them has to stay, nothing is removed. With --keep-runs only the sweep itself is removed.\n\n"
        "Each RUN gets a line; the exit code is the first that is not 0.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl rm --dry-run r7\n"
                "$ bitctl rm r7 r8\n"
                "$ bitctl rm --dry-run s1",
    .run = run,
};
