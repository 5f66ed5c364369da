/*
 * What a monitoring system is told of bitd and its runs, as Prometheus' text format has it (version 0.0.4): base units,
 * counters that end in _total, and labels that are bounded: runs that have not ended, held-out sets, states, sections.
 */
#ifndef BIT_CTL_METRICS_H
#define BIT_CTL_METRICS_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

#define BIT_METRICS_RUNS_MAX 100 /* of those that have not ended, the newest */

/** Of a daemon that answered, and all of its runs. NULL, NULL: bitd_up is 0, and nothing else is known. */
void bit_metrics_print(FILE *f, const Bit__VersionReply *daemon, const Bit__ListReply *list);

#endif
