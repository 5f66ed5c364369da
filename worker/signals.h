/* SIGTERM, SIGINT, SIGHUP, and a launcher that is gone: leave at once, whatever the main thread is inside of. */
#ifndef BIT_WORKER_SIGNALS_H
#define BIT_WORKER_SIGNALS_H

/**
 * From here on a thread of its own waits for these signals, and for the end of the process that started us: ranks must
 * not outlive their launcher, because another launch of the run may follow. Ends the process with 128 + the signal
 * (SIGTERM's for the launcher's end). Nothing is half done by that: a checkpoint is whole or has no name, and
 * everything else is in memory. Call before any other thread is started, MPI's included, so that they all inherit the
 * mask. Errors: -errno.
 */
int bit_signals_init(void);

#endif
