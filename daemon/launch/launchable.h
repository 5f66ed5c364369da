/* Whether a run could be launched by this bitd, on this machine, now. */
#ifndef BIT_DAEMON_LAUNCHABLE_H
#define BIT_DAEMON_LAUNCHABLE_H

#include "daemon/sys/config.h"
#include "proto/bit.pb-c.h"

/**
 * Look for what every launch of a run needs: its launcher's programs and the worker, for SRUN the Slurm job around bitd
 * with enough nodes, for CUDA with MPIRUN a GPU. A few stat(2), and nothing is started. What is missing may be there
 * on another machine or later, so it is no failure of the run.
 * Errors      BIT_EUSAGE, saying what is missing and what to do
 */
int bit_launchable(const struct bit_config *config, const Bit__RunSpec *spec);

#endif
