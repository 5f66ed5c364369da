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

/**
 * With BITD_TOLD set, and while the daemon can be told of it, SIGTERM does not end the rank: Slurm sends it long before
 * it means it (pre-emption, a time limit), and bitd takes a checkpoint first. `tell` is called at once on the thread of
 * the signals, after which bit_signals_told says which it was; NULL: the daemon cannot be told. `tell` is not running
 * any more when this returns.
 */
void bit_signals_tell(void (*tell)(void *arg), void *arg);
/** The last such signal, or SIGUSR1; 0: none. Any thread. */
int bit_signals_told(void);

#endif
