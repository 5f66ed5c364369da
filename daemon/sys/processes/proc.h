/* Processes, whether bitd's children or not: identifying them, and noticing their end. */
#ifndef BIT_DAEMON_PROC_H
#define BIT_DAEMON_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

/** Start time of a process in clock ticks since boot; with the pid it identifies a process. Errors: -ESRCH; -errno. */
int bit_proc_start_time(int32_t pid, uint64_t *out);
/** Whether the process runs and is the one that started then. False for a zombie. */
bool bit_proc_is(int32_t pid, uint64_t start_time);

/* Calls `ended` once when a process has ended, child or not. */
struct bit_proc_watch;
typedef void bit_proc_ended(void *arg);
/** Errors: -ESRCH if it is gone already; -errno. */
int bit_proc_watch(uv_loop_t *loop, int32_t pid, bit_proc_ended *ended, void *arg, struct bit_proc_watch **out);
/** Free the watch, before or after the end; ended is not called any more. NULL is fine. */
void bit_proc_unwatch(struct bit_proc_watch *w);
int bit_proc_signal(const struct bit_proc_watch *w, int signal);

/** A variable of the process's initial environment. false if it is not set, does not fit, or may not be read. */
bool bit_proc_variable(int32_t pid, const char *name, char *out, size_t room);
/** Its state as a letter of proc(5): 'R', 'S', 'T' stopped, 'D' in the kernel; 0 if it is gone. */
char bit_proc_state(int32_t pid);
/** Print, for each of its threads, what bitd may read in /proc: state, where it sleeps, its system call. */
void bit_proc_describe(int32_t pid, FILE *f);

/*
 * A job's processes: among those of bitd's user, all of the launcher's session, and all with the job's environment,
 * whatever their session.
 */
struct bit_proc_job {
    const char *run;  /* value of BITD_RUN */
    const char *link; /* the daemon's Unix socket for workers: value of BITD_OWNER */
    int32_t session;  /* 0: unknown */
};
/** Their pids, at most `max`, without zombies. Returns how many. */
int bit_proc_find(const struct bit_proc_job *job, int32_t *pids, int max);

#endif
