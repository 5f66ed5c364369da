/*
 * bitd as the first process of a batch job: one specification, run to its end through `bitctl submit --follow` as a
 * person would (--run), and the job requeued where it ends before its runs do (--requeue).
 */
#ifndef BIT_DAEMON_BATCH_H
#define BIT_DAEMON_BATCH_H

struct bit_batch;
struct bit_daemon;
typedef void bit_batch_ended(void *arg);

/**
 * Begin what the configuration says. The run is submitted with the request id of own_run.h, by which it comes back to
 * the run that it had. When bitctl ends, bitd stops, with its exit code.
 * Errors      -ENOMEM; libuv's of starting bitctl
 */
int bit_batch_begin(struct bit_daemon *d, struct bit_batch **out);
/**
 * The daemon has nothing left to do: end bitctl if it still runs, requeue the job if it should be, then call ended,
 * from the loop or before this returns. Once is enough.
 *     Requeued is a job that Slurm has running still (not one that somebody cancelled), whose runs have not ended, and
 *     which gained a step since it began, unless it was requeued fewer than BIT_BATCH_TRIES times.
 */
void bit_batch_end(struct bit_batch *b, bit_batch_ended *ended, void *arg);

#define BIT_BATCH_TRIES 3

#endif
