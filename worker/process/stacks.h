/*
 * Where every thread of this process is, written to stderr when bitd takes the run for hung and asks (SIGUSR2, which
 * mpirun and srun pass on to every rank, wherever it runs). The main thread may hang with any lock held, so nothing of
 * this allocates or locks once it is set up; a thread that the kernel does not let run is named without its stack.
 *
 *     stacks rank=1 step=12 section=comm threads=3
 *     stack rank=1 thread=4242 name=bitworker bitworker(bit_comm_gather+0x5d)[0x55...]
 */
#ifndef BIT_WORKER_STACKS_H
#define BIT_WORKER_STACKS_H

#include <stdint.h>

#include "worker/process/sections.h"

/** Once, before other threads are made: they inherit what is set here. Errors: -errno. */
int bit_stacks_init(void);
/** Who we are, once it is known. sections is borrowed for good. */
void bit_stacks_set_rank(int rank, const struct bit_sections *sections);
/** Write them. Called by the thread that waits for signals, one at a time. */
void bit_stacks_write(void);

#endif
