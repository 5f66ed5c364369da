/*
 * Which queued run begins next: among those that wait for no other run, by priority and then by number, which an
 * interrupted run keeps. A run that has begun is never stopped for another one.
 */
#ifndef BIT_DAEMON_QUEUE_H
#define BIT_DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;
struct bit_runs;

/** The runs that may begin, next one first, including those withheld. The caller frees *out. Errors: -ENOMEM. */
int bit_queue_list(const struct bit_runs *runs, struct bit_runner ***out, size_t *count);
/** Its position from 1; 0 if it is not queued, or is withheld, or waits for others. */
unsigned bit_queue_position(const struct bit_runs *runs, const struct bit_runner *r);

/** Whether it must wait for other runs to end. A run that was removed counts as ended. */
bool bit_queue_waits(const struct bit_runner *r);
/** The items of r->run.after that it still waits for, into BIT_AFTER_MAX places; borrowed. Returns how many. */
size_t bit_queue_after(const struct bit_runner *r, char **out);
/** "waits for r3 (training), and for r4 to complete (queued)"; bytes: room of out. */
void bit_queue_describe(const struct bit_runner *r, char *out, size_t bytes);
/** Whether it waits for a run to complete that ended otherwise; out says which. false if r has begun. */
bool bit_queue_is_hopeless(const struct bit_runner *r, char *out, size_t bytes);
/**
 * Whether any run has not ended and waits neither for a resume, nor for another bitd to launch it, nor for runs that do
 * so.
 */
bool bit_queue_has_work(const struct bit_runs *runs);

#endif
