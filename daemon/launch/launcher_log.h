/* What a launcher logs about the rank that ended first: its exit code may be that of another rank, or 0. */
#ifndef BIT_DAEMON_LAUNCHER_LOG_H
#define BIT_DAEMON_LAUNCHER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rank that ended first. */
struct bit_launcher_log {
    bool has_rank, has_code;
    uint32_t rank;
    int signal; /* 0: none */
    int code;
};

/**
 * Read it from the end of a job's log. Pure; false if the log does not name a rank.
 * Source      Open MPI 4.1: orte/tools/orterun/help-orterun.txt ("orte-odls-default", "process rank %d ... exited on
 *             signal"), and "Process name: [[..],RANK]" with "Exit code: N"; Slurm 22.05: srun's
 *             "NODE: task RANK: how"
 */
bool bit_launcher_log_parse(const char *text, struct bit_launcher_log *out);
/** The same from the last kilobytes of the file at `path`. */
bool bit_launcher_log_read(const char *path, struct bit_launcher_log *out);
/**
 * The first error of srun itself, for a log that names no rank: there is no PMIx plugin, the job is over, ... Pure;
 * false if the log has none.
 */
bool bit_launcher_log_srun(const char *text, char *says, size_t room);
/** The same from the end of the file at `path`. */
bool bit_launcher_log_read_srun(const char *path, char *says, size_t room);
/* A node on which srun could not start its tasks. */
typedef void bit_launcher_log_node(void *arg, const char *host);
/**
 * Call `take` with each node on which srun could not start tasks, and write what srun says of the first to says.
 * Pure but for `take`; false if there is no such node.
 * Source      Slurm 22.05: src/api/step_launch.c, "Task launch for StepId=... failed on node NODE: ..."
 */
bool bit_launcher_log_unreached(const char *text, bit_launcher_log_node *take, void *arg, char *says, size_t room);
/** The same from the end of the file at `path`. */
bool bit_launcher_log_read_unreached(const char *path, bit_launcher_log_node *take, void *arg, char *says, size_t room);
/** The last line that does not consist of dashes and spaces only. Pure; false if there is none. */
bool bit_launcher_log_last(const char *text, char *line, size_t room);
/** The same from the end of the file at `path`. */
bool bit_launcher_log_read_last(const char *path, char *line, size_t room);

#endif
