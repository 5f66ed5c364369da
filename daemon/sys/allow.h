/*
 * What a specification may pass on to Slurm and to the ranks: nothing that would let its submitter act as bitd's user.
 *
 *                            bitd's user, root                       everybody else
 *     srun_arg, sbatch_arg   options of proto/spec/slurm_options.h,  of those, what allow_srun_arg and allow_sbatch_arg
 *                            and others that a setting names         name
 *     env                    every variable but bitd's own           what allow_env names, and never one that changes
 *                                                                    what a program loads, runs, reads or writes
 *
 * The settings are lists with spaces or commas between: "--constraint" for the option with any value, "--nice=10" for
 * that value alone; "NCCL_DEBUG", "NCCL_DEBUG=INFO", and "NCCL_IB_*" for every variable whose name begins so.
 */
#ifndef BIT_DAEMON_ALLOW_H
#define BIT_DAEMON_ALLOW_H

#include <stdbool.h>

#include "daemon/sys/config.h"
#include "proto/bit.pb-c.h"
#include "proto/spec/slurm_options.h"
#include "proto/text/problems.h"

/** A list of options, of a setting. Errors: BIT_EUSAGE naming one that nobody may give. */
int bit_allow_check_options(enum bit_slurm_tool tool, const char *list);
/** A list of variables. Errors: BIT_EUSAGE naming one that is none, or that nobody else may set. */
int bit_allow_check_variables(const char *list);
/** Whether a variable of that name changes what a program loads, runs, reads or writes. */
bool bit_allow_is_never(const char *name);
/**
 * Check launch.slurm of a normalised spec for its submitter. Every problem is added.
 * Errors      BIT_ESPEC if there is one
 */
int bit_allow_check(const struct bit_config *config, const Bit__RunSpec *spec, bool own, struct bit_problems *problems);
/**
 * The same for a run that is about to be launched, by the settings as they are now.
 * Errors      BIT_ESPEC with the first problem; -ENOMEM
 */
int bit_allow_launch(const struct bit_config *config, const Bit__RunSpec *spec, bool own);

#endif
