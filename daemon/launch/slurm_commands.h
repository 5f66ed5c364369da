/* The command lines of sbatch, squeue and scancel for the Slurm job of a run. srun's is in launch_srun.c. */
#ifndef BIT_DAEMON_SLURM_COMMANDS_H
#define BIT_DAEMON_SLURM_COMMANDS_H

#include <stdint.h>

#include "daemon/sys/lists/argv.h"
#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"

#define BIT_SLURM_COMMANDS_LEASE_S 900 /* how long a job's script waits for a sign of bitd */

/** Nodes to ask for: launch.slurm.nodes, or as many as the ranks need. */
uint32_t bit_slurm_commands_nodes(const Bit__LaunchSpec *launch);
/** The sbatch command line for a run with this folder. *out is the caller's. Errors: -ENOMEM. */
int bit_slurm_commands_sbatch(const struct bit_config *config, const char *run, const char *folder,
                              const Bit__RunSpec *spec, struct bit_argv *out);
/** The same with --test-only: nothing is submitted. */
int bit_slurm_commands_sbatch_test(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out);
/** squeue's line about one job, whatever its state. bit_argv_check tells whether memory ran out. */
void bit_slurm_commands_squeue(const struct bit_config *config, uint64_t number, struct bit_argv *out);
/** Cancel or signal one job; how: options, the second may be NULL. Errors: -ENOMEM. */
int bit_slurm_commands_scancel(const struct bit_config *config, uint64_t number, const char *how, const char *how_else,
                               struct bit_argv *out);

#endif
