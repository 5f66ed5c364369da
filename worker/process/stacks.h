/*
 * Writes the stacks of all threads of this process to stderr when bitd takes the run for hung and sends SIGUSR2, which
 * mpirun and srun pass on to every rank, wherever it runs. The main thread may hang with any lock held, so nothing here
 * allocates or locks after the initialisation; a thread that does not answer is named without its stack.
 *
 *     stacks rank=1 step=12 section=comm
 *     stack rank=1 thread=4242 name=bitworker bitworker(bit_comm_gather+0x5d)[0x55...]
 */
#ifndef BIT_WORKER_STACKS_H
#define BIT_WORKER_STACKS_H

#include <stdint.h>

#include "worker/process/sections.h"

/** Call once, before other threads are made: they inherit what is set here. Errors: -errno. */
int bit_stacks_init(void);
/** Set the rank, once it is known. sections is borrowed until the process ends. */
void bit_stacks_set_rank(int rank, const struct bit_sections *sections);
/** Write the stacks. Called by the thread that waits for signals, one call at a time. */
void bit_stacks_write(void);

#endif
