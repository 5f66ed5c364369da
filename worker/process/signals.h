/* SIGTERM, SIGINT, SIGHUP, and the launcher's end: exit at once, whatever the main thread is doing. */
#ifndef BIT_WORKER_SIGNALS_H
#define BIT_WORKER_SIGNALS_H

/**
 * Start a thread that waits for these signals and for the end of the process that started us: ranks must not outlive
 * their launcher, because another launch of the run may follow. It ends the process with 128 + the signal (SIGTERM's
 * for the launcher's end). This leaves nothing half done: a checkpoint is whole or has no name, and everything else is
 * in memory. Call it before any other thread is started, MPI's included, so that they all inherit the signal mask.
 * Errors: -errno.
 */
int bit_signals_init(void);

/**
 * With BITD_TOLD set, and while the daemon can be informed, SIGTERM does not end the rank: Slurm sends it long before
 * the actual end (pre-emption, a time limit), and bitd takes a checkpoint first. `tell` is called at once on the thread
 * of the signals, after bit_signals_told has been set; NULL: the daemon cannot be informed. When this function returns,
 * the previous `tell` is not running any more.
 */
void bit_signals_tell(void (*tell)(void *arg), void *arg);
/** The last such SIGTERM or SIGUSR1; 0: none. Any thread. */
int bit_signals_told(void);

#endif
