/* What a launcher wrote about the rank that ended first: its exit code lies, its words do not. */
#ifndef BIT_DAEMON_BLAME_H
#define BIT_DAEMON_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_blame {
    bool has_rank, has_code;
    uint32_t rank;
    int signal; /* 0: none */
    int code;
};

/**
 * Read it from the end of a job's log. Pure; false if nothing is said there.
 * Source      Open MPI 4.1: orte/tools/orterun/help-orterun.txt ("orte-odls-default", "process rank %d ... exited on
 *             signal"), and "Process name: [[..],RANK]" with "Exit code: N"
 */
bool bit_blame_parse(const char *text, struct bit_blame *out);
/** The same from the last kilobytes of the file at `path`. */
bool bit_blame_read(const char *path, struct bit_blame *out);

#endif
