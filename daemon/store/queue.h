/*
 * Which queued run begins next: of those that wait for no other, by priority, and then by number, which an interrupted
 * run keeps. A run that has begun is never stopped for another one.
 */
#ifndef BIT_DAEMON_QUEUE_H
#define BIT_DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;
struct bit_runs;

/** Those that may begin, the next one first; also those that are withheld. The caller frees *out. Errors: -ENOMEM. */
int bit_queue_list(const struct bit_runs *runs, struct bit_runner ***out, size_t *count);
/** From 1; 0 if it is not queued, or withheld, or waits for others. */
unsigned bit_queue_position(const struct bit_runs *runs, const struct bit_runner *r);

/** Whether it may not begin before others have ended. A run that was removed has ended. */
bool bit_queue_waits(const struct bit_runner *r);
/** Of r->run.after those that it waits for still, into BIT_AFTER_MAX places; borrowed. Returns how many. */
size_t bit_queue_after(const struct bit_runner *r, char **out);
/** "waits for r3 (training), and for r4 to complete (queued)"; bytes: room of out. */
void bit_queue_describe(const struct bit_runner *r, char *out, size_t bytes);
/** Whether it waits for one to complete that ended otherwise; out says which. false if r has begun. */
bool bit_queue_is_hopeless(const struct bit_runner *r, char *out, size_t bytes);

#endif
