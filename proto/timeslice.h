/*
 * Scheduling of programs that wake, answer and sleep: short time slices give them the processor sooner. Bulk work of
 * the same programs can yield to them.
 */
#ifndef BIT_PROTO_TIMESLICE_H
#define BIT_PROTO_TIMESLICE_H

#include <stdbool.h>

/**
 * Ask for time slices of 0.1 ms. With a shorter slice a program runs sooner among programs that compute all the time,
 * but gets no larger share of the processor. bitd and bitctl need this on cores that train. Needs no privilege. Linux
 * 6.12 and newer (sched_setattr(2), sched_runtime of SCHED_OTHER); elsewhere nothing happens.
 */
void bit_timeslice_shorten(void);

/**
 * The calling thread does bulk work from now on (it makes or prints a long stream): it gets time slices of the usual
 * length and preempts no other thread when it wakes (SCHED_BATCH). Its share of the processor does not change. Returns
 * whether anything changed; a policy other than SCHED_OTHER is left alone.
 */
bool bit_timeslice_yield(void);

/** The end of bulk work: short time slices again. yielded: what bit_timeslice_yield() returned. */
void bit_timeslice_resume(bool yielded);

#endif
