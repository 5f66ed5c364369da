/*
 * The long options of srun and sbatch, and whether a user may give each. Both commands accept any unambiguous prefix of
 * a name, and short options joined with their values. So only arguments with a full name from a table are passed on.
 */
#ifndef BIT_PROTO_SLURM_OPTIONS_H
#define BIT_PROTO_SLURM_OPTIONS_H

#include <stddef.h>

enum bit_slurm_tool { BIT_SLURM_SRUN = 1, BIT_SLURM_SBATCH = 2 };

#define BIT_SLURM_UNKNOWN 1 /* not in the table: an option of a plugin or a newer Slurm, or a mistake */

/** "srun" or "sbatch". */
const char *bit_slurm_tool_name(enum bit_slurm_tool tool);
/**
 * Whether the option `name` ("--constraint", of so many bytes, without a value) may be given by a user of bitd.
 * Returns     0, or BIT_SLURM_UNKNOWN
 * Errors      BIT_ESPEC for a short option, an abbreviation, an option that bitd decides itself, and one that runs a
 *             program, uses a file, or changes who or where the job is
 */
int bit_slurm_option_name(enum bit_slurm_tool tool, const char *name, size_t bytes);
/** The same for a whole argument ("--constraint=h100"), whose value must be present or absent as the option requires.
 */
int bit_slurm_option_check(enum bit_slurm_tool tool, const char *arg);
/** The name of an allowed option that is nearest to an unknown one, or NULL. */
const char *bit_slurm_option_nearest(enum bit_slurm_tool tool, const char *name, size_t bytes);

#endif
