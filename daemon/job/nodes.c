#include "daemon/job/nodes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/job/control.h"
#include "daemon/job/job.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("nodes");

/* The job has too few nodes left. A submitted job is replaced by a new one; in bitd's own job, lost nodes may have come
 * back. */
static void start_over(struct bit_job *job, int err)
{
    bit_job_end(job, err, "%s", bit_fail_text());
    if (job->runner->run.spec->launch->launcher == BIT__LAUNCHER__SBATCH) {
        bit_slurm_job_release(job->slurm_job);
        job->slurm_job = NULL;
    } else {
        bit_slurm_job_forgive(job->slurm_job);
    }
}

static void on_ready(void *arg, int err)
{
    struct bit_job *job = arg;
    struct bit_runner *r = job->runner;

    BIT_ASSERT(job->phase == BIT_JOB_CHOOSING);
    if (err < 0) {
        bit_job_end(job, err, "%s", bit_fail_text());
        return;
    }
    bit_places_finish(&job->places);
    err = bit_slurm_job_place(job->slurm_job, &job->places);
    if (err < 0) {
        start_over(job, err);
        return;
    }
    if (job->places.ranks != r->run.spec->launch->ranks)
        bit_warn("fewer ranks", "run=%s ranks=%u of=%u nodes=%s", r->run.id, job->places.ranks,
                 r->run.spec->launch->ranks, job->places.list);
    job->placed(job);
}

static void on_ends(void *arg, const char *why)
{
    bit_control_leave(arg, why);
}

static void on_over(void *arg, int err, const char *why)
{
    bit_job_end(arg, err, "%s", why);
}

static const struct bit_slurm_job_ops ops = {on_ready, on_ends, on_over};

void bit_nodes_get(struct bit_job *job, void (*placed)(struct bit_job *job))
{
    job->placed = placed;
    int err = job->slurm_job == NULL ? bit_slurm_job_create(job->runner, &ops, job, &job->slurm_job) : 0;
    if (err < 0)
        bit_job_end(job, err, "%s", bit_fail_text());
    else
        bit_slurm_job_acquire(job->slurm_job);
}

/* Whether a rank that was connected has no link any more: the others get the signal because it ended, and Slurm would
 * give them half a minute. */
static bool misses_one(const struct bit_job *job)
{
    for (uint32_t r = 0; r < job->watch.ranks; r++)
        if (job->watch.rank[r].pid != 0 && (r == 0 ? job->link : job->watch.rank[r].link) == NULL)
            return true;
    return false;
}

/* The signal may mean pre-emption, a time limit or a scancel: Slurm is asked which. */
void bit_nodes_told(struct bit_job *job, uint32_t rank, int signal)
{
    char why[96];

    if (job->done || job->phase == BIT_JOB_ENDING)
        return;
    if (misses_one(job)) {
        bit_job_end_as_logged(job);
        return;
    }
    bit_format(why, sizeof why, "Slurm told rank %u to end (signal %d, %s)", rank, signal, strsignal(signal));
    if (job->runner->run.spec->launch->launcher == BIT__LAUNCHER__SBATCH)
        bit_slurm_job_told(job->slurm_job, why);
    else
        job->jobs->stop_all(job->jobs->owner, why);
}

int bit_nodes_lose(struct bit_job *job, const char *host)
{
    int err = bit_slurm_job_lose(job->slurm_job, host);

    if (err == 0)
        bit_warn("lost", "run=%s node=%s", job->runner->run.id, host);
    return err;
}
