/*
 * `bitctl resume`: a paused run, or one that has ended, goes on from a checkpoint. What that takes is looked at beside
 * the loop before anything is journalled: its steps so far, which checkpoint is good, whether the token files are what
 * they were.
 */
#ifndef BIT_DAEMON_RESUME_H
#define BIT_DAEMON_RESUME_H

#include "daemon/client/connection/client.h"

struct bit_resumption;

/** A ResumeRequest. */
void bit_resume(struct bit_client *c, const Bit__ResumeRequest *m);
/** Its client has gone. NULL is fine. */
void bit_resumption_forget(struct bit_resumption *s);
#endif
