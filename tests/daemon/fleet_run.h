/* A run of a fleet (fleet.c) on a private daemon, over TCP. */
#ifndef BIT_TESTS_DAEMON_FLEET_RUN_H
#define BIT_TESTS_DAEMON_FLEET_RUN_H

#include "tests/daemon/fixture.h"

/* Nobody is taken for dead on a machine that others use. */
#define FLEET_PATIENT "heartbeat_timeout=30"

/** A daemon with this setting; variables of the fleet's that are set before are passed on. */
bool fleet_begin(struct fix *f, const char *setting);
/** Submit a run of so many ranks, one instance each; more is text format that goes over it. */
void fleet_submit(struct fix *f, unsigned ranks, const char *more, char run[32]);
/** Attempts to connect that failed in launch 1, as its log has them; of a fleet with FAKE_LOG. */
unsigned fleet_failed_attempts(const struct fix *f, const char *run);

#endif
