/* For programs that wake, answer and sleep: ask the scheduler for short turns, so that they get them soon. */
#ifndef BIT_PROTO_TIMESLICE_H
#define BIT_PROTO_TIMESLICE_H

/**
 * Ask for turns of 0.1 ms. A program with shorter turns is let in earlier among those that compute all the time, and
 * gets no more of the processor for it: what bitd and bitctl need on cores that train. Needs no privilege. Linux 6.12
 * and newer (sched_setattr(2), sched_runtime of SCHED_OTHER); elsewhere nothing happens.
 */
void bit_timeslice_shorten(void);

#endif
