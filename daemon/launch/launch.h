/*
 * Starting a job: the launcher with its workers, their environment and log file, and how the launcher ended.
 *
 *   MPIRUN   launch_mpirun.c    ranks on this machine
 *   SRUN     launch_srun.c      a step of the Slurm job that bitd runs in
 *   SBATCH   launch_srun.c      a step of the Slurm job that was submitted for the run (slurm_job.h)
 *
 * A launcher's exit code proves nothing: srun gives 0 for a step whose node was cut off, and 143 for one whose first
 * task ended with 3. A run is done when its ranks have reported so.
 */
#ifndef BIT_DAEMON_LAUNCH_H
#define BIT_DAEMON_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/launch/places.h"
#include "daemon/sys/lists/argv.h"
#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"

struct bit_launch;
/* signal is 0 unless one ended it. status is -1 for a launcher that is not a child, as only its end is known. */
typedef void bit_launch_ended(void *arg, int64_t status, int signal);

struct bit_launch_args {
    const struct bit_config *config;
    const Bit__LaunchSpec *spec;
    uint64_t slurm_job;              /* its number; 0 with MPIRUN */
    const struct bit_places *places; /* its nodes; NULL with MPIRUN */
    const char *run, *link;          /* BITD_RUN, BITD_LINK */
    const char *owner;               /* BITD_OWNER: this daemon's socket for workers, which marks its jobs' processes */
    const char *secret;              /* BITD_SECRET_FILE: a path, so that no process list shows the secret */
    uint64_t epoch;                  /* BITD_EPOCH */
    const char *nodes;               /* the file for the nodes' names, if they are too long for an argument */
    const char *log;                 /* the job appends to it directly, and so goes on without bitd */
};

/**
 * Start the launcher in a session of its own.
 * Errors      libuv's, naming the program; -errno of the log file; -ENOMEM
 */
int bit_launch_start(uv_loop_t *loop, const struct bit_launch_args *args, bit_launch_ended *ended, void *arg,
                     struct bit_launch **out);
/** Watch a launcher that an earlier bitd started. Errors: -ESRCH if it is gone. */
int bit_launch_adopt(uv_loop_t *loop, int32_t pid, uint64_t pid_start, bit_launch_ended *ended, void *arg,
                     struct bit_launch **out);
int32_t bit_launch_pid(const struct bit_launch *l);
/** Signal the launcher, which passes SIGUSR1 and SIGUSR2 on to every rank. Errors: -errno. */
int bit_launch_signal(const struct bit_launch *l, int signal);
/** Call it after the launcher has ended; NULL is fine. */
void bit_launch_destroy(struct bit_launch *l);

/** Ranks to launch: those of the places, or else the specification's. */
uint32_t bit_launch_ranks(const struct bit_launch_args *args);
/** Whether srun reads the nodes from the file args->nodes, because they are too long for an argument. */
bool bit_launch_needs_file(const struct bit_launch_args *args);
/** The launcher's command line. *out is the caller's. Errors: -ENOMEM. */
int bit_launch_command(const struct bit_launch_args *args, struct bit_argv *out);
void bit_launch_mpirun(const struct bit_launch_args *args, struct bit_argv *out);
void bit_launch_srun(const struct bit_launch_args *args, struct bit_argv *out);
/** Add the path of a Slurm command: in the folder of the setting `slurm`, or else in PATH. */
void bit_launch_slurm_tool(const struct bit_config *config, const char *name, struct bit_argv *out);

#endif
