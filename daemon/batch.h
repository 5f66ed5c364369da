/*
 * bitd as the first process of a batch job. --run trains one specification to its end, through `bitctl submit
 * --follow`; --requeue requeues the job if it ends before its runs do.
 */
#ifndef BIT_DAEMON_BATCH_H
#define BIT_DAEMON_BATCH_H

struct bit_batch;
struct bit_daemon;
typedef void bit_batch_ended(void *arg);

/**
 * Begin what the configuration says. The run is submitted with the request id of own_run.h, so that an earlier run with
 * that id is continued. When bitctl ends, bitd stops with bitctl's exit code.
 * Errors      -ENOMEM; libuv's of starting bitctl
 */
int bit_batch_begin(struct bit_daemon *d, struct bit_batch **out);
/**
 * Called when the daemon has nothing left to do: end bitctl if it still runs, requeue the job if it should be, then
 * call ended, from the loop or before this returns. Further calls do nothing.
 *     The job is requeued if Slurm still has it running (somebody may have cancelled it), its runs have not ended, and
 *     it gained a step since it began or was requeued fewer than BIT_BATCH_TRIES times.
 */
void bit_batch_end(struct bit_batch *b, bit_batch_ended *ended, void *arg);

#define BIT_BATCH_TRIES 3

#endif
