/* Whether this bitd could launch a run on this machine now. */
#ifndef BIT_DAEMON_LAUNCHABLE_H
#define BIT_DAEMON_LAUNCHABLE_H

#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"

/**
 * Check what every launch of a run needs: its launcher's programs and the worker; for SRUN the Slurm job around bitd
 * with enough nodes; for CUDA with MPIRUN a GPU. It costs a few stat(2) and starts nothing. What is missing may exist
 * on another machine or later, so this is no failure of the run.
 * Errors      BIT_EUSAGE, saying what is missing and what to do
 */
int bit_launchable(const struct bit_config *config, const Bit__RunSpec *spec);

#endif
