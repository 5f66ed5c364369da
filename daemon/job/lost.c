#include "daemon/job/lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/job.h"
#include "daemon/job/nodes.h"
#include "daemon/launch/launcher_log.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("job");

/* If only reports that ranks are done were missing, add which ranks did not send theirs. */
static void add_missing(const struct bit_job *job, char *text, size_t room)
{
    uint32_t first;
    char who[160];

    if (!bit_job_awaits_done(job, &first) || strstr(text, "not said that") != NULL)
        return;
    bit_tally_describe(&job->tally, job->runner->run.step, job->stop_reason, who, sizeof who);
    bit_format_more(text, room, "; %s after step %" PRIu64, who, job->runner->run.step);
}

static bool came_any(const struct bit_job *job)
{
    for (uint32_t r = 0; r < job->watch.ranks && job->watch.rank != NULL; r++)
        if (job->watch.rank[r].pid != 0)
            return true;
    return false;
}

/* The launcher itself failed: its exit and its last line are the cause, not a rank. */
static void blame_launcher(const struct bit_job *job, const char *log, char *text, size_t room)
{
    const struct bit_runner *r = job->runner;
    const char *name = r->run.spec->launch->launcher == BIT__LAUNCHER__MPIRUN ? r->env->config->mpirun : "srun";
    char line[256] = "";

    if (job->exit_signal != 0)
        bit_format(text, room, "the launcher %s was ended by signal %d (%s) before any rank connected", name,
                   job->exit_signal, strsignal(job->exit_signal));
    else
        bit_format(text, room, "the launcher %s ended with exit code %" PRId64 " before any rank connected", name,
                   job->exit_status);
    if (log != NULL && bit_launcher_log_read_last(log, line, sizeof line))
        bit_format_more(text, room, ": %s", line);
    bit_format_more(text, room, ", see %s", r->run.launch.log);
}

static void lose_node(void *arg, const char *host)
{
    bit_nodes_lose(arg, host); /* a name that is no node of the job is somebody's output, and is ignored */
}

/* Whether srun could not start ranks on some nodes, which are lost then. The ranks that it ended are not the cause. */
static bool find_unreached(struct bit_job *job, const char *log, char *says, size_t room)
{
    return job->slurm_job != NULL && log != NULL && bit_launcher_log_read_unreached(log, lose_node, job, says, room);
}

static void blame_rank(const struct bit_job *job, const struct bit_launcher_log *first, Bit__WorkerLost *m, char *text,
                       size_t room)
{
    m->has_rank = first->has_rank;
    m->rank = first->rank;
    m->has_signal = first->signal != 0;
    m->signal = first->signal;
    m->has_code = first->has_code;
    m->code = first->code;
    if (first->signal != 0)
        bit_format(text, room, "rank %u was ended by signal %d (%s)", first->rank, first->signal,
                   strsignal(first->signal));
    else
        bit_format(text, room, "rank %u ended with exit code %d, see %s", first->rank, first->code,
                   job->runner->run.launch.log);
}

static void blame_exit(const struct bit_job *job, const char *log, Bit__WorkerLost *m, char *text, size_t room)
{
    char says[256];

    m->has_code = job->exit_status >= 0;
    m->code = (int32_t)job->exit_status;
    if (job->slurm_job != NULL && log != NULL && bit_launcher_log_read_srun(log, says, sizeof says))
        bit_format(text, room, "%s, see %s", says, job->runner->run.launch.log);
    else if (job->exit_status > 0 && !came_any(job))
        blame_launcher(job, log, text, room);
    else
        bit_format(text, room, "the worker ended without giving a reason, see %s", job->runner->run.launch.log);
}

static void blame_signal(const struct bit_job *job, const char *log, Bit__WorkerLost *m, char *text, size_t room)
{
    m->has_signal = true;
    m->signal = job->exit_signal;
    if (!came_any(job))
        blame_launcher(job, log, text, room);
    else
        bit_format(text, room, "the launcher was ended by signal %d (%s)", job->exit_signal,
                   strsignal(job->exit_signal));
}

/* The first of: the worker's message, the nodes that were not reached, the rank that ended first in the launcher's log,
 * the launcher's exit. */
static void find_cause(struct bit_job *job, Bit__WorkerLost *m, char *text, size_t room)
{
    struct bit_runner *r = job->runner;
    struct bit_launcher_log first = {0};
    char *log = bit_runner_path(r, r->run.launch.log), says[256];
    const bool told = job->cause.known && !job->cause.by_mpi;

    if (!told && find_unreached(job, log, says, sizeof says)) {
        bit_format(text, room, "%s, see %s", says, r->run.launch.log);
    } else if (!told && log != NULL && bit_launcher_log_read(log, &first)) {
        blame_rank(job, &first, m, text, room);
    } else if (job->cause.known) {
        m->has_rank = job->cause.has_rank;
        m->rank = job->cause.rank;
        bit_format(text, room, "%s", job->cause.text);
    } else if (job->exit_signal != 0) {
        blame_signal(job, log, m, text, room);
    } else {
        blame_exit(job, log, m, text, room);
    }
    free(log);
    add_missing(job, text, room);
}

static bool failed_in_step(const struct bit_job *job, const Bit__WorkerLost *m)
{
    static const int elsewhere[] = {0, BIT_ETIMEOUT, BIT_EWORKER, BIT_EMPI, BIT_ENCCL};

    if (!job->stood || (m->has_rank && (m->has_signal || m->has_code)))
        return job->stood;
    if (!job->cause.known) /* a rank ended, not only the launcher */
        return job->exit_signal == 0;
    for (size_t i = 0; i < BIT_COUNT(elsewhere); i++)
        if (job->cause.err == elsewhere[i])
            return false;
    return true;
}

void bit_lost_record(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    char cause[BIT_ERR_TEXT_MAX];
    Bit__WorkerLost m = BIT__WORKER_LOST__INIT;

    find_cause(job, &m, cause, sizeof cause);
    m.attempt = r->run.launch.attempt;
    m.cause = cause;
    m.step = r->run.step;
    bit_warn("worker lost", "run=%s attempt=%u step=%" PRIu64 " cause=%s", r->run.id, m.attempt, m.step, cause);
    bit_record(r, LOST, lost, &m);
    memcpy(job->cause.text, cause, sizeof cause);
    job->cause.in_step = failed_in_step(job, &m);
}
