/* Checks of launch.slurm, and the number of ranks on a node. */
#ifndef BIT_PROTO_SPEC_SLURM_H
#define BIT_PROTO_SPEC_SLURM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/** The number of GPUs of one node in a gres: 8 for "gpu:8", "gpu:h100:8" and "nic:1,gpu:8"; 1 for "gpu"; else 0. */
uint32_t bit_gres_gpus(const char *gres);

/** The most ranks on one node: launch.slurm.ranks_per_node, else the GPUs of its gres, else 0: not limited. */
uint32_t bit_slurm_ranks_per_node(const Bit__SlurmSpec *slurm);

/** Ranks on one machine; mpirun starts all ranks on one. 0: not specified. */
uint32_t bit_launch_ranks_per_node(const Bit__LaunchSpec *launch);
/** Whether the ranks run on GPUs according to the launch: its backend, or the GPUs of its nodes. */
bool bit_launch_is_on_gpus(const Bit__LaunchSpec *launch);

/** Check launch.slurm, which must be present if the launcher is SRUN or SBATCH. Every problem is added. */
void bit_spec_check_slurm(const Bit__RunSpec *spec, struct bit_problems *problems);

/**
 * Check launch.slurm.srun_arg and sbatch_arg against the allowed options (proto/spec/slurm_options.h), and the names in
 * launch.slurm.env. Separate from the check above, because a run that was submitted before an option was refused must
 * still load. Options that are not in the table are left to bitd, whose settings may allow them. Every problem is
 * added. Errors: BIT_ESPEC if there is one.
 */
int bit_spec_check_slurm_options(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
