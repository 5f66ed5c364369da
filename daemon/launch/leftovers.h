/*
 * What a killed mpirun leaves on this machine: Open MPI's shared memory and its session folder. It removes them itself
 * when it ends normally.
 */
#ifndef BIT_DAEMON_LEFTOVERS_H
#define BIT_DAEMON_LEFTOVERS_H

#include <stdbool.h>
#include <stdint.h>

struct bit_leftovers {
    bool known;
    uint32_t job;      /* the job's number in Open MPI */
    char session[256]; /* folder, or empty */
    int32_t launcher;  /* mpirun's pid, to find the job's number if no rank showed it; 0: none */
};

/** Note them from the environment of a rank on this machine: PMIX_NAMESPACE and the session folder. */
void bit_leftovers_note(struct bit_leftovers *r, int32_t pid);
/**
 * Note the pid of mpirun, in case no rank shows them: mpirun was killed before a rank started, or by an earlier bitd.
 * If another process has that pid now, nothing is found.
 */
void bit_leftovers_note_launcher(struct bit_leftovers *r, int32_t pid);
/** Call it when every process of the job is gone: removes what is left, and resets r. */
void bit_leftovers_remove(struct bit_leftovers *r, uint32_t ranks);

#endif
