/* A run of a fleet (fleet.c) on a private daemon, over TCP. */
#ifndef BIT_TESTS_DAEMON_FLEET_RUN_H
#define BIT_TESTS_DAEMON_FLEET_RUN_H

#include "tests/daemon/fixture.h"

/* Long enough that no rank is considered lost on a busy machine. */
#define FLEET_PATIENT "heartbeat_timeout=30"

/** Start a daemon with this setting. FAKE_* variables that are set before are passed to the fleet. */
bool fleet_begin(struct fix *f, const char *setting);
/** Submit a run with this number of ranks, one instance each; `more` overrides it, in text format. */
void fleet_submit(struct fix *f, unsigned ranks, const char *more, char run[32]);
/** The number of failed connection attempts in the log of launch 1; needs FAKE_LOG. */
unsigned fleet_failed_attempts(const struct fix *f, const char *run);

#endif
