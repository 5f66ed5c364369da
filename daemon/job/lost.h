/*
 * Why a launch was lost, in one sentence for the journal: the first rank that ended abnormally, not what followed from
 * it.
 */
#ifndef BIT_DAEMON_LOST_H
#define BIT_DAEMON_LOST_H

struct bit_job;

/** A launch was lost: journal it with its cause, which also becomes job->cause.text. */
void bit_lost_record(struct bit_job *job);

#endif
