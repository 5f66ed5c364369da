/* Messages from the worker: checked against the orders, journalled, and acted upon. */
#ifndef BIT_DAEMON_REPORTS_H
#define BIT_DAEMON_REPORTS_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_job;

/** A message of rank 0 other than its heartbeats. */
void bit_reports_take(struct bit_job *job, uint16_t type, const ProtobufCMessage *msg);
/** Rank `rank` reports that it failed. */
void bit_reports_failed(struct bit_job *job, uint32_t rank, const Bit__WorkerFailed *m);

#endif
