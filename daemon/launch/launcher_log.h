/* What a launcher wrote about the rank that ended first: its exit code lies, its words do not. */
#ifndef BIT_DAEMON_LAUNCHER_LOG_H
#define BIT_DAEMON_LAUNCHER_LOG_H

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
 *             signal"), and "Process name: [[..],RANK]" with "Exit code: N"; Slurm 22.05: srun's
 *             "NODE: task RANK: how"
 */
bool bit_blame_parse(const char *text, struct bit_blame *out);
/** The same from the last kilobytes of the file at `path`. */
bool bit_blame_read(const char *path, struct bit_blame *out);
/** What srun itself complained of first, where it blames no rank: it has no PMIx plugin, the job is over, ... Pure;
 * false if nothing is said there. */
bool bit_blame_srun(const char *text, char *says, size_t room);
/** The same from the end of the file at `path`. */
bool bit_blame_read_srun(const char *path, char *says, size_t room);

/* What is known of a rank of a job that hangs. */
struct bit_blame_rank {
    bool known;          /* it has told where it is */
    bool answered;       /* it wrote its stacks when it was asked */
    uint64_t step;       /* the last one done */
    const char *section; /* what it is at */
};
/**
 * Which rank the others wait for. Ranks wait for each other in "comm" and "wait", so it is one that is at something
 * else, or could not answer; where steps differ, one of those behind. Pure. -1 if none stands out.
 */
int64_t bit_blame_hung(const struct bit_blame_rank *rank, uint32_t ranks);

#endif
