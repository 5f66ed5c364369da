/*
 * `bitctl resume`: continues a paused or ended run from a checkpoint. Before anything is journalled, a thread replays
 * the run's steps, finds a checkpoint that verifies, and checks whether the token files are unchanged.
 */
#ifndef BIT_DAEMON_RESUME_H
#define BIT_DAEMON_RESUME_H

#include "daemon/client/connection/client.h"

/** A ResumeRequest. */
void bit_resume(struct bit_client *c, const Bit__ResumeRequest *m);

#endif
