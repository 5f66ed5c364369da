#include "daemon/launch/slurm_commands.h"

#include <inttypes.h>

#include "daemon/launch/launch.h"
#include "daemon/launch/squeue.h"
#include "proto/spec/spec_slurm.h"

uint32_t bit_slurm_commands_nodes(const Bit__LaunchSpec *launch)
{
    uint32_t each = bit_slurm_ranks_per_node(launch->slurm);

    if (launch->slurm->nodes > 0)
        return launch->slurm->nodes;
    return each ? (launch->ranks + each - 1) / each : 1;
}

static void add_wishes(const Bit__LaunchSpec *launch, struct bit_argv *out)
{
    const Bit__SlurmSpec *slurm = launch->slurm;
    uint32_t nodes = bit_slurm_commands_nodes(launch), each = bit_slurm_ranks_per_node(slurm);

    bit_argv_add(out, "--nodes=%u", nodes);
    bit_argv_add(out, "--ntasks-per-node=%u", each ? each : (launch->ranks + nodes - 1) / nodes);
    if (launch->threads > 0)
        bit_argv_add(out, "--cpus-per-task=%u", launch->threads);
    if (slurm->gres != NULL)
        bit_argv_add(out, "--gres=%s", slurm->gres);
    if (slurm->partition != NULL)
        bit_argv_add(out, "--partition=%s", slurm->partition);
    if (slurm->account != NULL)
        bit_argv_add(out, "--account=%s", slurm->account);
    if (slurm->qos != NULL)
        bit_argv_add(out, "--qos=%s", slurm->qos);
    if (slurm->time_limit != NULL)
        bit_argv_add(out, "--time=%s", slurm->time_limit);
    bit_argv_add_all(out, slurm->sbatch_arg, slurm->n_sbatch_arg);
}

int bit_slurm_commands_sbatch(const struct bit_config *config, const char *run, const char *folder,
                              const Bit__RunSpec *spec, struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    bit_launch_slurm_tool(config, "sbatch", out);
    bit_argv_add(out, "--parsable");
    bit_argv_add(out, "--job-name=bitd-%s", run);
    bit_argv_add(out, "--output=%s/logs/slurm-%%j.log", folder);
    bit_argv_add(out, "--open-mode=append");
    bit_argv_add(out, "--no-kill"); /* for the job: if a node is lost, the others stay */
    bit_argv_add(out, "--requeue");
    add_wishes(spec->launch, out);
    bit_argv_add(out, "%s/hold", folder);
    bit_argv_add(out, "%s/lease", folder);
    bit_argv_add(out, "%d", BIT_SLURM_COMMANDS_LEASE_S);
    return bit_argv_check(out);
}

int bit_slurm_commands_sbatch_test(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    bit_launch_slurm_tool(config, "sbatch", out);
    bit_argv_add(out, "--test-only");
    bit_argv_add(out, "--no-kill");
    bit_argv_add(out, "--requeue");
    add_wishes(spec->launch, out);
    bit_argv_add(out, "--wrap=:");
    return bit_argv_check(out);
}

void bit_slurm_commands_squeue(const struct bit_config *config, uint64_t number, struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    bit_launch_slurm_tool(config, "squeue", out);
    bit_argv_add(out, "--noheader");
    bit_argv_add(out, "--states=all");
    bit_argv_add(out, "--jobs=%" PRIu64, number);
    bit_argv_add(out, "--format=%s", BIT_SQUEUE_FORMAT);
}

int bit_slurm_commands_scancel(const struct bit_config *config, uint64_t number, const char *how, const char *how_else,
                               struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    bit_launch_slurm_tool(config, "scancel", out);
    bit_argv_add(out, "--quiet");
    bit_argv_add(out, "%s", how);
    if (how_else != NULL)
        bit_argv_add(out, "%s", how_else);
    bit_argv_add(out, "%" PRIu64, number);
    return bit_argv_check(out);
}
