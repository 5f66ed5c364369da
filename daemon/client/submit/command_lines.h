/* The command lines that a run would be started with, for a dry run. */
#ifndef BIT_DAEMON_COMMAND_LINES_H
#define BIT_DAEMON_COMMAND_LINES_H

#include "daemon/sys/argv.h"
#include "daemon/sys/config.h"
#include "proto/bit.pb-c.h"

/**
 * One item a command, quoted for a shell: sbatch's where a job is submitted, then the launcher's. What only the launch
 * knows stands in capitals: RUN, JOB, NODES. *out is the caller's. Errors: -ENOMEM; -EAGAIN where the job that bitd
 * runs in has too few nodes; BIT_EMESSAGE of its list of them.
 */
int bit_command_lines_make(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out);

#endif
