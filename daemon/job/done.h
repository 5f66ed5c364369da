/*
 * The end of a launch that was told to stop: every rank reports that it is done, that is journalled, and only then may
 * they exit. If bitd is killed before the record, the ranks report again; if after it, the journal has it.
 */
#ifndef BIT_DAEMON_DONE_H
#define BIT_DAEMON_DONE_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_job;

/** Rank `rank` reports that it is done. */
void bit_done_note(struct bit_job *job, uint32_t rank, const Bit__WorkerDone *m);
/** Let the ranks exit, if the record of their end is durable. */
void bit_done_release(struct bit_job *job);

#endif
