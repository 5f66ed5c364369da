/* A run's journal while bitd lives: durable once a second, still under its name, and closed while nothing comes. */
#ifndef BIT_DAEMON_DURABLE_H
#define BIT_DAEMON_DURABLE_H

#include "daemon/store/runner.h"

/** Of every second, off the loop: step records become durable, and a journal that was removed under bitd is found. */
void bit_durable_tick(struct bit_runner *r);
/**
 * Whether the run's folder is still there, now. If it is not, the run is blocked until it is back.
 * Errors      -ENOENT naming the folder; -errno: the journal cannot be looked at
 */
int bit_durable_check(struct bit_runner *r);
/** Close what a run without a job holds open; the next record opens its journal again. */
void bit_durable_rest(struct bit_runner *r);

#endif
