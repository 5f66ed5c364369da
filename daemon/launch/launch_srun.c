/*
 * srun's arguments: one step of a Slurm job. Its nodes are named, so that a lost one is left out: folded into one
 * argument, or in a file with one name per line if an argument cannot hold them (srun treats a list with a '/' as a
 * file).
 *
 *   --no-kill=off --kill-on-bad-exit=1   for the step, whatever the job has: a step that lost a node would otherwise
 *                                        hang for ever in its next collective
 *   --overlap                            the previous step may still be ending on a node that is cut off
 *   --overcommit                         more ranks than CPUs are the user's choice, as with mpirun
 *   --cpu-bind=none                      the worker binds its threads itself
 *   --gres                               every rank sees all GPUs of its node and takes the one of its local rank: NCCL
 *                                        and CUDA IPC do not work if each task sees only one GPU
 */
#include <inttypes.h>
#include <string.h>

#include "daemon/launch/launch.h"

#define NODELIST_MAX (128u * 1000) /* below the 128 KiB limit of execve(2) for one argument */

void bit_launch_slurm_tool(const struct bit_config *config, const char *name, struct bit_argv *out)
{
    if (config->slurm[0] != '\0')
        bit_argv_add(out, "%s/%s", config->slurm, name);
    else
        bit_argv_add(out, "%s", name);
}

bool bit_launch_needs_file(const struct bit_launch_args *args)
{
    return args->nodes != NULL && args->places != NULL && strlen(args->places->list) > NODELIST_MAX;
}

void bit_launch_srun(const struct bit_launch_args *args, struct bit_argv *out)
{
    const Bit__SlurmSpec *slurm = args->spec->slurm;
    const struct bit_places *places = args->places;

    bit_launch_slurm_tool(args->config, "srun", out);
    if (args->slurm_job != 0)
        bit_argv_add(out, "--jobid=%" PRIu64, args->slurm_job);
    else
        bit_argv_add(out, "--jobid=JOB"); /* in a dry run */
    bit_argv_add(out, "--job-name=bitd-%s.%" PRIu64, args->run, args->epoch);
    bit_argv_add(out, "--nodes=%u", places->nodes);
    bit_argv_add(out, "--nodelist=%s", bit_launch_needs_file(args) ? args->nodes : places->list);
    bit_argv_add(out, "--ntasks=%u", places->ranks);
    bit_argv_add(out, "--ntasks-per-node=%u", places->per_node);
    bit_argv_add(out, "--mpi=pmix");
    bit_argv_add(out, "--no-kill=off");
    bit_argv_add(out, "--kill-on-bad-exit=1");
    bit_argv_add(out, "--overlap");
    bit_argv_add(out, "--overcommit");
    bit_argv_add(out, "--cpu-bind=none");
    bit_argv_add(out, "--input=none");
    if (slurm->gres != NULL)
        bit_argv_add(out, "--gres=%s", slurm->gres);
    bit_argv_add_all(out, slurm->srun_arg, slurm->n_srun_arg);
    bit_argv_add(out, "%s", args->config->worker);
}
