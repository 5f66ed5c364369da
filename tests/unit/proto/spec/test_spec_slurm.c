/* The settings of Slurm in a specification. */
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

#define SRUN "launch { ranks: 4 launcher: SRUN slurm { "

TEST(slurm_has_defaults_where_it_is_the_launcher)
{
    Bit__RunSpec *spec = normalised(SMALL "launch { ranks: 8 launcher: SBATCH }");

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
    EXPECT_EQ(spec->launch->slurm->min_ranks, 8u);
    EXPECT_EQ(spec->launch->slurm->nodes, 0u);
    EXPECT_EQ(spec->launch->slurm->warn_s, 600u);
    EXPECT(spec->launch->slurm->gres == NULL);
    bit_msg_free(spec);
    spec = normalised(SMALL);
    EXPECT(spec->launch->slurm == NULL);
    bit_msg_free(spec);
    expect_problem("launch {\nslurm { nodes: 2 } }", "launch.slurm", 4, "MPIRUN");
}

TEST(slurm_words_are_words)
{
    expect_valid(SRUN "srun_arg: '--cpu-freq=high' env: 'NCCL_SOCKET_IFNAME==eth0' } }");
    expect_problem(SRUN "sbatch_arg: '--comment=a\\nb' } }", "launch.slurm.sbatch_arg[0]", 3, "control");
    expect_problem(SRUN "env: 'PATH' } }", "launch.slurm.env[0]", 3, "NAME=VALUE");
    expect_problem(SRUN "env: 'BITD_RUN=r9' } }", "launch.slurm.env[0]", 3, "bitd's own");
    expect_problem(SRUN "partition: '' } }", "launch.slurm.partition", 3, "empty");
}

TEST(slurm_numbers_agree)
{
    expect_valid(SRUN "gres: 'gpu:4' nodes: 2 } }");
    expect_problem(SRUN "gres: 'gpu:2' nodes: 1 } }", "launch.slurm.nodes", 3, "1 nodes hold 2 ranks");
    expect_problem("launch { ranks: 0 launcher: SRUN }", "launch.ranks", 3, "0 is not at least 1");
    expect_problem("launch { ranks: 65537 launcher: SRUN }", "launch.ranks", 3, "65537 is above 65536");
    expect_valid(SRUN "gres: 'mps:100,gpu:h100:4' } }");
    expect_problem(SRUN "gres: '8' } }", "launch.slurm.gres", 3, "'8' names no resource");
    expect_problem(SRUN "gres: 'gpu:4,8' } }", "launch.slurm.gres", 3, "'8' names no resource");
    expect_problem(SRUN "gres: 'gpu:0' } backend: CUDA }", "launch.slurm.gres", 3, "asks for no GPU");
    expect_valid(SRUN "gres: 'gpu:0' } backend: CPU }");
    expect_problem(SRUN "gres: 'gpu:2' ranks_per_node: 4 } }", "launch.slurm.ranks_per_node", 3, "2 GPUs");
    expect_problem(SRUN "min_ranks: 5 } }", "launch.slurm.min_ranks", 3, "launch.ranks 4");
    expect_valid(SRUN "time_limit: '90' } }");
    expect_valid(SRUN "time_limit: '2-12:30:00' } }");
    expect_problem(SRUN "time_limit: '2 days' } }", "launch.slurm.time_limit", 3, "minutes");
    expect_problem(SRUN "time_limit: '1:2-3' } }", "launch.slurm.time_limit", 3, "minutes");
}

TEST_MAIN
