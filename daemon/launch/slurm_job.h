/*
 * The Slurm job that a run's ranks live in: the one that bitd itself runs in (SRUN), or one that is submitted for the
 * run and watched from outside (SBATCH). In both, srun starts the steps (launch_srun.c).
 *
 *   SBATCH: the job's script only holds the nodes. It ends when it is told to, or when bitd has given no sign for
 *   BIT_SLURM_COMMANDS_LEASE_S, so that nodes are not held without a bitd.
 */
#ifndef BIT_DAEMON_SLURM_JOB_H
#define BIT_DAEMON_SLURM_JOB_H

#include <stdint.h>

#include "daemon/launch/places.h"
#include "daemon/store/runs/runner.h"

struct bit_slurm_job;

struct bit_slurm_job_ops {
    /* The job runs and its nodes are known; or err < 0 (bit_fail_text says why), and there will be no nodes. */
    void (*ready)(void *arg, int err);
    /* A job that was ready will end soon, according to Slurm or to a rank's signal. */
    void (*ends)(void *arg, const char *why);
    /* A job that was ready is over: -ECANCELED if somebody cancelled it, else BIT_EWORKER. */
    void (*over)(void *arg, int err, const char *why);
};

/** For a run whose launcher is SRUN or SBATCH. Nothing is started yet. Errors: -ENOMEM. */
int bit_slurm_job_create(struct bit_runner *r, const struct bit_slurm_job_ops *ops, void *arg,
                         struct bit_slurm_job **out);
/**
 * Get nodes: those of the existing job, or else of a job that is submitted now. ready() follows from the loop, never
 * before this returns. While a job waits, Slurm's state of it is journalled (SlurmJob).
 */
void bit_slurm_job_acquire(struct bit_slurm_job *j);
/** No callback follows until the next acquire; the job stays. */
void bit_slurm_job_pause(struct bit_slurm_job *j);
/** Give the nodes back if the job was submitted for the run; no callback follows. NULL is fine. Frees it. */
void bit_slurm_job_release(struct bit_slurm_job *j);
/** Free it without ending the job: bitd stops, and takes the job over again when it starts. NULL is fine. */
void bit_slurm_job_leave(struct bit_slurm_job *j);

/** A rank of a job that was ready got a signal to end: ask Slurm now whether the job will end soon or is over. */
void bit_slurm_job_told(struct bit_slurm_job *j, const char *why);

/** Its number; 0: none. */
uint64_t bit_slurm_job_number(const struct bit_slurm_job *j);
/** Leave this node out of placements from now on. Errors: -ENOENT if it is not one of the job's. */
int bit_slurm_job_lose(struct bit_slurm_job *j, const char *host);
/** Use nodes again that were left out. */
void bit_slurm_job_forgive(struct bit_slurm_job *j);
/** bit_places_choose among its nodes. */
int bit_slurm_job_place(const struct bit_slurm_job *j, struct bit_places *out);

/** SLURM_JOB_ID of the job that bitd runs in; 0: none. */
uint64_t bit_slurm_job_own(void);
/** Whether bitd runs in a Slurm job, which SRUN needs. Errors: BIT_EUSAGE saying that it does not. */
int bit_slurm_job_check_own(void);

#endif
