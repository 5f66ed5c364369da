/* For a dry run: the command lines with which a run would be started. */
#ifndef BIT_DAEMON_COMMAND_LINES_H
#define BIT_DAEMON_COMMAND_LINES_H

#include "daemon/sys/lists/argv.h"
#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"

/**
 * One item for each command, quoted for a shell: sbatch's, if a job is submitted, then the launcher's. Placeholders in
 * capitals stand for what only the launch knows: RUN, JOB, NODES. *out is the caller's. Errors: -ENOMEM; -EAGAIN if the
 * Slurm job around bitd has too few nodes; BIT_EMESSAGE if its node list is malformed.
 */
int bit_command_lines_make(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out);

#endif
