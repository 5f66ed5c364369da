/* Processes, our children or not: which they are, and when they end. */
#ifndef BIT_DAEMON_PROC_H
#define BIT_DAEMON_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

/** Start time of a process in clock ticks since boot; with its number it names one process. Errors: -ESRCH; -errno. */
int bit_proc_start_time(int32_t pid, uint64_t *out);
/** It runs, and is the one that started then. */
bool bit_proc_is(int32_t pid, uint64_t start_time);

/* Tells once when a process has ended, be it a child or not. */
struct bit_proc_watch;
typedef void bit_proc_ended(void *arg);
/** Errors: -ESRCH if it is gone already; -errno. */
int bit_proc_watch(uv_loop_t *loop, int32_t pid, bit_proc_ended *ended, void *arg, struct bit_proc_watch **out);
/** Before or after it ended; NULL is fine. Frees the watch; ended is not called any more. */
void bit_proc_unwatch(struct bit_proc_watch *w);
int bit_proc_signal(const struct bit_proc_watch *w, int signal);

/** A variable of the environment that it began with. false if it has none, or it does not fit, or may not be read. */
bool bit_proc_variable(int32_t pid, const char *name, char *out, size_t room);
/** proc(5)'s letter for its state: 'R', 'S', 'T' stopped, 'D' in the kernel; 0 if it is gone. */
char bit_proc_state(int32_t pid);
/** What the kernel says of each of its threads, as far as we may read it: state, where it sleeps, its system call. */
void bit_proc_describe(int32_t pid, FILE *f);

/*
 * A job's processes: those of the launcher's session, and every process of ours with the job's environment, whatever
 * session it has moved to.
 */
struct bit_proc_job {
    const char *run;  /* value of BITD_RUN */
    const char *link; /* the daemon's Unix socket for workers: value of BITD_OWNER */
    int32_t session;  /* 0: unknown */
};
/** Their numbers, at most `max`. Zombies are not counted. Returns how many. */
int bit_proc_find(const struct bit_proc_job *job, int32_t *pids, int max);

#endif
