/*
 * For programs that wake, answer and sleep: ask the scheduler for short turns, so that they get them soon; and for work
 * in bulk beside them: let them go first.
 */
#ifndef BIT_PROTO_TIMESLICE_H
#define BIT_PROTO_TIMESLICE_H

#include <stdbool.h>

/**
 * Ask for turns of 0.1 ms. A program with shorter turns is let in earlier among those that compute all the time, and
 * gets no more of the processor for it: what bitd and bitctl need on cores that train. Needs no privilege. Linux 6.12
 * and newer (sched_setattr(2), sched_runtime of SCHED_OTHER); elsewhere nothing happens.
 */
void bit_timeslice_shorten(void);

/**
 * The calling thread works in bulk from now on (a long stream is made or printed): it has turns of the usual length,
 * and preempts nobody when it wakes (SCHED_BATCH). Its share of the processor stays. Returns whether anything changed;
 * nothing does under a policy that somebody else chose.
 */
bool bit_timeslice_yield(void);

/** The end of such work: short turns again, if bit_timeslice_yield() returned `yielded`. */
void bit_timeslice_resume(bool yielded);

#endif
