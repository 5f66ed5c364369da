#include "ctl/cli/options.h"
#include "ctl/cli/submit_options.h"
#include "ctl/spec/local_check.h"
#include "ctl/spec/spec_file.h"
#include "ctl/verbs/verbs.h"

static const struct bit_option options[] = {
    {"name", 0, "NAME", "The run's name, instead of the specification's."},
    {"set", 's', "KEY=VALUE", "Change a field first, as `bitctl submit --set` does; may be repeated."},
    {0},
};

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_submit_options asked = {.verb = &bit_cmd_check};
    struct bit_options o = {&bit_cmd_check, cli, bit_submit_options_take, &asked, .least = 1, .most = 1};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    struct bit_spec_file f = {.path = o.word[0], .name = asked.name, .set = asked.set, .set_count = asked.set_count};
    code = bit_spec_file_read(cli, &f);
    if (code == 0)
        code = bit_local_check(cli, &f);
    bit_spec_file_finish(&f);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__dry_run_reply__descriptor, "once"},
    {0},
};

const struct bit_cli_verb bit_cmd_check = {
    .name = "check",
    .summary = "check a run specification, without a daemon",
    .synopsis = "SPEC [--name=NAME] [--set KEY=VALUE]...",
    .description =
        "Prints what `bitctl submit --dry-run` prints, without bitd: every mistake of SPEC at once, each with\n"
        "line and column, also those of the files that it names and of the tensors of model.init_from; then\n"
        "sizes, schedule, the memory of a rank (as bitworker computes it), and warnings. Exit codes are the dry\n"
        "run's.\n\n"
        "bitd's settings and what Slurm allows are not checked, and the output says so.",
    .options = options,
    .quiet = "Print only mistakes and warnings.",
    .json = objects,
    .examples = "$ bitctl check run.txtpb\n"
                "$ bitctl check -q run.txtpb --set schedule.peak_lr=1e-3 && bitctl submit run.txtpb",
    .run = run,
};
