/* What a specification may ask of Slurm. */
#ifndef BIT_PROTO_SPEC_SLURM_H
#define BIT_PROTO_SPEC_SLURM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/** How many GPUs a gres names for one node: 8 of "gpu:8", "gpu:h100:8" and "nic:1,gpu:8"; 1 of "gpu"; 0 of none. */
uint32_t bit_gres_gpus(const char *gres);

/** Ranks that one node may hold: launch.slurm.ranks_per_node, else the GPUs of its gres, else 0: as it comes out. */
uint32_t bit_slurm_ranks_per_node(const Bit__SlurmSpec *slurm);

/** Ranks of one machine: mpirun's are all on one. 0: the launch does not say. */
uint32_t bit_launch_ranks_per_node(const Bit__LaunchSpec *launch);
/** The launch says that its ranks are on GPUs: by its backend, or by what its nodes have. */
bool bit_launch_is_on_gpus(const Bit__LaunchSpec *launch);

/** Check launch.slurm, which is there where the launcher is Slurm's. Every problem is added. */
void bit_spec_check_slurm(const Bit__RunSpec *spec, struct bit_problems *problems);

/**
 * Check launch.slurm.srun_arg and sbatch_arg against the options that may be given (proto/spec/slurm_options.h), and
 * the names of launch.slurm.env. Apart from the check above, because a run that was submitted before an option was
 * refused must still load. Options that the table has not are left to bitd, whose settings may name them. Every problem
 * is added. Errors: BIT_ESPEC if there is one.
 */
int bit_spec_check_slurm_options(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
