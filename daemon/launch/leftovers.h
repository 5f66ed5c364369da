/*
 * What a launcher leaves on this machine when it is killed: Open MPI's shared memory and its session folder. It clears
 * them away itself when it ends in peace.
 */
#ifndef BIT_DAEMON_LEFTOVERS_H
#define BIT_DAEMON_LEFTOVERS_H

#include <stdbool.h>
#include <stdint.h>

struct bit_leftovers {
    bool known;
    uint32_t job;      /* Open MPI's own number of the job */
    char session[256]; /* folder, or empty */
    int32_t launcher;  /* mpirun, or 0: what is not known of the job is looked for by its number */
};

/** Learn of them from the environment of a rank that runs here. Nothing is known of one that tells nothing. */
void bit_leftovers_note(struct bit_leftovers *r, int32_t pid);
/**
 * The process of mpirun, for when no rank has told: it was killed before one came, or by a bitd before this one. A
 * number that is somebody else's by now finds nothing.
 */
void bit_leftovers_note_launcher(struct bit_leftovers *r, int32_t pid);
/** Every process of the job is gone: remove what is left, and forget it. */
void bit_leftovers_remove(struct bit_leftovers *r, uint32_t ranks);

#endif
