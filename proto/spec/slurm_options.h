/*
 * The long options of srun and sbatch, and what may be done with each. Both commands take any unambiguous beginning of
 * a name for the name, and short options with their values run together; so what is passed to them is held against a
 * table of whole names, and nothing else passes.
 */
#ifndef BIT_PROTO_SLURM_OPTIONS_H
#define BIT_PROTO_SLURM_OPTIONS_H

#include <stddef.h>

enum bit_slurm_tool { BIT_SLURM_SRUN = 1, BIT_SLURM_SBATCH = 2 };

#define BIT_SLURM_UNKNOWN 1 /* no option of the table: a plugin's, a newer Slurm's, or a mistake */

/** "srun" or "sbatch". */
const char *bit_slurm_tool_name(enum bit_slurm_tool tool);
/**
 * Whether the option `name` ("--constraint", of so many bytes, without a value) may be given by a user of bitd.
 * Returns     0, or BIT_SLURM_UNKNOWN
 * Errors      BIT_ESPEC for a short option, an abbreviation, an option that bitd decides itself, and one that runs a
 *             program, uses a file, or changes who or where the job is
 */
int bit_slurm_option_name(enum bit_slurm_tool tool, const char *name, size_t bytes);
/** The same of a whole argument ("--constraint=h100"), whose value must be there, or not, as the option has one. */
int bit_slurm_option_check(enum bit_slurm_tool tool, const char *arg);
/** The nearest name of the table to one that is not in it, or NULL. */
const char *bit_slurm_option_nearest(enum bit_slurm_tool tool, const char *name, size_t bytes);

#endif
