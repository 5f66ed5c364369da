/* Options that srun and sbatch would misread, or that ask for more than a run may have. */
#include "proto/spec/slurm_options.h"

#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec_slurm.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

static void expect_refused(enum bit_slurm_tool tool, const char *arg, const char *says)
{
    if (!EXPECT_EQ(bit_slurm_option_check(tool, arg), BIT_ESPEC) || !EXPECT_CONTAINS(bit_fail_text(), says))
        fprintf(stderr, "    %s %s\n", bit_slurm_tool_name(tool), arg);
}

TEST(whole_options_pass)
{
    static const char *const good[] = {"--constraint=h100", "--verbose", "--nice",
                                       "--nice=5",          "--mem=0",   "--comment=a=b"};

    for (size_t i = 0; i < BIT_COUNT(good); i++) {
        EXPECT_EQ(bit_slurm_option_check(BIT_SLURM_SRUN, good[i]), 0);
        EXPECT_EQ(bit_slurm_option_check(BIT_SLURM_SBATCH, good[i]), 0);
    }
    EXPECT_EQ(bit_slurm_option_check(BIT_SLURM_SRUN, "--cpu-freq=high"), 0);
    EXPECT_EQ(bit_slurm_option_check(BIT_SLURM_SBATCH, "--exclude=n7"), 0);
    EXPECT_EQ(bit_slurm_option_check(BIT_SLURM_SRUN, "--container-image=x"), BIT_SLURM_UNKNOWN);
}

TEST(short_options_and_words_do_not)
{
    expect_refused(BIT_SLURM_SRUN, "-o/home/victim/.bashrc", "short option");
    expect_refused(BIT_SLURM_SRUN, "-v", "short option");
    expect_refused(BIT_SLURM_SBATCH, "-D/x", "short option");
    expect_refused(BIT_SLURM_SRUN, "high", "no option");
    expect_refused(BIT_SLURM_SRUN, "-", "no option");
    expect_refused(BIT_SLURM_SRUN, "--", "no option");
    expect_refused(BIT_SLURM_SRUN, "--=x", "no option");
    expect_refused(BIT_SLURM_SRUN, "", "no option");
    expect_refused(BIT_SLURM_SRUN, "--Output=x", "no option");
    expect_refused(BIT_SLURM_SRUN, "--output file", "no option");
}

TEST(abbreviations_do_not)
{
    expect_refused(BIT_SLURM_SRUN, "--outp=/x", "abbreviation that srun would take for --output");
    expect_refused(BIT_SLURM_SRUN, "--nodel=n1", "--nodelist");
    expect_refused(BIT_SLURM_SRUN, "--jobi=1", "--jobid");
    expect_refused(BIT_SLURM_SRUN, "--expor=ALL", "--export");
    expect_refused(BIT_SLURM_SBATCH, "--wra=rm", "--wrap");
    expect_refused(BIT_SLURM_SBATCH, "--verb", "--verbose");
}

TEST(what_bitd_decides_runs_programs_or_writes_does_not)
{
    expect_refused(BIT_SLURM_SRUN, "--prolog=/x", "runs a program");
    expect_refused(BIT_SLURM_SRUN, "--task-prolog=/x", "runs a program");
    expect_refused(BIT_SLURM_SRUN, "--epilog=/x", "runs a program");
    expect_refused(BIT_SLURM_SRUN, "--uid=0", "the user");
    expect_refused(BIT_SLURM_SBATCH, "--gid=0", "the user");
    expect_refused(BIT_SLURM_SBATCH, "--wrap=rm", "runs a program");
    expect_refused(BIT_SLURM_SBATCH, "--get-user-env", "runs a program");
    expect_refused(BIT_SLURM_SBATCH, "--chdir=/x", "decided by bitd");
    expect_refused(BIT_SLURM_SRUN, "--output=/x", "decided by bitd");
    expect_refused(BIT_SLURM_SRUN, "--gpus-per-task=1", "all GPUs");
    expect_refused(BIT_SLURM_SBATCH, "--partition=a", "launch.slurm.partition");
    expect_refused(BIT_SLURM_SRUN, "--multi-prog", "runs a program");
    expect_refused(BIT_SLURM_SRUN, "--bcast=/x", "runs a program");
}

TEST(a_value_is_there_where_it_belongs)
{
    expect_refused(BIT_SLURM_SRUN, "--constraint", "--constraint=VALUE");
    expect_refused(BIT_SLURM_SRUN, "--constraint=", "--constraint=VALUE");
    expect_refused(BIT_SLURM_SRUN, "--verbose=2", "no value");
}

TEST(a_mistyped_one_has_a_neighbour)
{
    EXPECT_STREQ(bit_slurm_option_nearest(BIT_SLURM_SRUN, "--constrain7", 12), "constraint");
    EXPECT(bit_slurm_option_nearest(BIT_SLURM_SRUN, "--container-image", 17) == NULL);
}

TEST(every_mistake_is_told_with_its_field)
{
    Bit__RunSpec *spec = test_spec_parse(
        "model { preset: 'olmo_20m' } data { train: 'a.npy' } launch { launcher: SBATCH slurm {\n"
        "sbatch_arg: '--nice'\nsbatch_arg: '-Dx'\nsrun_arg: '--outp=x'\nenv: 'BASH_FUNC_ls%%=() { x; }' } }");

    EXPECT_EQ(bit_spec_check_slurm_options(spec, &test_problems), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, 3);
    EXPECT_STREQ(test_problems.item[0].field, "launch.slurm.sbatch_arg[1]");
    EXPECT_STREQ(test_problems.item[1].field, "launch.slurm.srun_arg[0]");
    EXPECT_EQ(test_problems.item[1].line, 4);
    EXPECT_STREQ(test_problems.item[2].field, "launch.slurm.env[0]");
    bit_msg_free(spec);
}

TEST_MAIN
