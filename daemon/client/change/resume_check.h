/* Whether a run can be resumed as a request asks: its state, and --from, --skip, --steps, --stretch and --ranks. */
#ifndef BIT_DAEMON_RESUME_CHECK_H
#define BIT_DAEMON_RESUME_CHECK_H

#include "proto/bit.pb-c.h"

struct bit_runner;

/** Errors: BIT_ESTATE, BIT_EUSAGE, BIT_EBUSY and those of bit_spec_validate, with what to do; -ENOMEM. */
int bit_resume_check(const struct bit_runner *r, const Bit__ResumeRequest *m);

#endif
