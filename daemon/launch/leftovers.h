/*
 * What mpirun leaves on this machine when it is killed: Open MPI's shared memory and its session folder. When it ends
 * by itself it removes them.
 */
#ifndef BIT_DAEMON_LEFTOVERS_H
#define BIT_DAEMON_LEFTOVERS_H

#include <stdbool.h>
#include <stdint.h>

struct bit_leftovers {
    bool known;
    uint32_t job;      /* Open MPI's own number of the job */
    char session[256]; /* folder, or empty */
    int32_t launcher;  /* the process of mpirun, by which the job's number is found where no rank told it; 0: none */
};

/** Learn of them from the environment of a rank that runs here: PMIX_NAMESPACE and the session folder. */
void bit_leftovers_note(struct bit_leftovers *r, int32_t pid);
/**
 * The process of mpirun, for when no rank has told: mpirun was killed before a rank started, or by a bitd before this
 * one. If another process has that number by now, nothing is found.
 */
void bit_leftovers_note_launcher(struct bit_leftovers *r, int32_t pid);
/** To be called when every process of the job is gone: remove what is left, and forget it. */
void bit_leftovers_remove(struct bit_leftovers *r, uint32_t ranks);

#endif
