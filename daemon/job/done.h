/*
 * The end of a launch that was told to stop: every rank says that it is done, the journal has it, and only then may
 * they leave. Killed anywhere in between, bitd finds ranks that say it again, or a journal that knows.
 */
#ifndef BIT_DAEMON_DONE_H
#define BIT_DAEMON_DONE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_job;

/** Rank `rank` says that it is done. */
void bit_done_note(struct bit_job *job, uint32_t rank, const Bit__WorkerDone *m);
/** The ranks may leave, if their end is on disk. */
void bit_done_release(struct bit_job *job);

#endif
