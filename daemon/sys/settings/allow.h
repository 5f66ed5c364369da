/*
 * What a specification may pass to Slurm and to the ranks: nothing that would let its submitter act as bitd's user.
 *
 *                            bitd's user, root                       everybody else
 *     srun_arg, sbatch_arg   options of proto/spec/slurm_options.h,  only those that allow_srun_arg and
 *                            and others that a setting names         allow_sbatch_arg name
 *     env                    every variable but bitd's own           what allow_env names, and never one that changes
 *                                                                    what a program loads, runs, reads or writes
 *
 * The settings are lists separated by spaces or commas: "--constraint" allows the option with any value, "--nice=10"
 * only that value; the same for "NCCL_DEBUG" and "NCCL_DEBUG=INFO"; "NCCL_IB_*" is every variable with that prefix.
 */
#ifndef BIT_DAEMON_ALLOW_H
#define BIT_DAEMON_ALLOW_H

#include <stdbool.h>

#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"
#include "proto/spec/slurm_options.h"
#include "proto/text/problems.h"

/** Check a setting that is a list of options. Errors: BIT_EUSAGE naming an option that no user may pass. */
int bit_allow_check_options(enum bit_slurm_tool tool, const char *list);
/** Check a setting that is a list of variables. Errors: BIT_EUSAGE naming a word that is no variable, or a variable
 * that only bitd's user may set. */
int bit_allow_check_variables(const char *list);
/** Whether the variable changes what a program loads, runs, reads or writes. */
bool bit_allow_is_never(const char *name);
/**
 * Check launch.slurm of a normalised spec; `own`: its submitter is bitd's user or root. Every problem is added.
 * Errors      BIT_ESPEC if there is one
 */
int bit_allow_check(const struct bit_config *config, const Bit__RunSpec *spec, bool own, struct bit_problems *problems);
/**
 * The same check right before a launch, with the present settings.
 * Errors      BIT_ESPEC with the first problem; -ENOMEM
 */
int bit_allow_launch(const struct bit_config *config, const Bit__RunSpec *spec, bool own);

#endif
