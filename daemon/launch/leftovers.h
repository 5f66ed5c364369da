/*
 * What a killed mpirun and killed ranks leave on this machine: Open MPI's shared memory and its session folder, and a
 * file of LLVM's OpenMP, which a build by clang uses. They remove them themselves when they end normally.
 */
#ifndef BIT_DAEMON_LEFTOVERS_H
#define BIT_DAEMON_LEFTOVERS_H

#include <stdbool.h>
#include <stdint.h>

#define BIT_LEFTOVERS_PIDS_MAX 256 /* the files of more ranks on one machine stay */

struct bit_leftovers {
    bool known;
    uint32_t job;                        /* the job's number in Open MPI */
    char session[256];                   /* folder, or empty */
    int32_t launcher;                    /* mpirun's pid, to find the job's number if no rank showed it; 0: none */
    int32_t pid[BIT_LEFTOVERS_PIDS_MAX]; /* of the processes that were noted */
    uint32_t pid_count;
};

/** Note a rank on this machine, and from its environment PMIX_NAMESPACE and the session folder. */
void bit_leftovers_note(struct bit_leftovers *r, int32_t pid);
/**
 * Note the pid of mpirun, in case no rank shows them: mpirun was killed before a rank started, or by an earlier bitd.
 * If another process has that pid now, nothing is found.
 */
void bit_leftovers_note_launcher(struct bit_leftovers *r, int32_t pid);
/** Call it when every process of the job is gone: removes what is left, and resets r. */
void bit_leftovers_remove(struct bit_leftovers *r, uint32_t ranks);

#endif
