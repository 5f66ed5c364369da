/*
 * Why a launch was lost, in one sentence for the journal: the first rank that was abnormal, never what followed from
 * it.
 */
#ifndef BIT_DAEMON_LOST_H
#define BIT_DAEMON_LOST_H

struct bit_job;

/** A launch was lost: into the journal, with its cause, which is job->cause.text from then on. */
void bit_lost_record(struct bit_job *job);

#endif
