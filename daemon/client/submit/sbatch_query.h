/* Asks `sbatch --test-only` whether Slurm would accept a run's job. */
#ifndef BIT_DAEMON_SBATCH_QUERY_H
#define BIT_DAEMON_SBATCH_QUERY_H

#include "daemon/launch/sbatch_answer.h"
#include "daemon/sys/env.h"
#include "proto/bit.pb-c.h"

/* `text` is valid during the call only; empty if Slurm would accept the job. */
typedef void bit_sbatch_query_done(void *arg, enum bit_sbatch_answer answer, const char *text);

/**
 * Submits nothing. done is called within seconds, with NOT_NOW if Slurm has not answered by then, from the loop and
 * never before this returns. Errors: -ENOMEM; done is not called then.
 */
int bit_sbatch_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_sbatch_query_done *done, void *arg);

#endif
