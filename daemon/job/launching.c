#include "daemon/job/launching.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "daemon/job/job.h"
#include "daemon/job/nodes.h"
#include "daemon/launch/launch_secret.h"
#include "daemon/store/checkpoints/checkpoint_search.h"
#include "daemon/sys/processes/proc.h"
#include "daemon/sys/processes/reap.h"
#include "daemon/sys/settings/allow.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/secret.h"

BIT_LOG_TOPIC("launching");

static int write_launched(struct bit_job *job, const struct bit_launch_args *args, const char *log, const char *restore)
{
    struct bit_run *run = &job->runner->run;
    char nodes[BIT_JOURNAL_NODES_MAX];
    Bit__WorkerLaunched m = BIT__WORKER_LAUNCHED__INIT;

    m.attempt = run->launch.attempt + 1;
    m.epoch = args->epoch;
    m.pid = bit_launch_pid(job->launch);
    m.log = (char *)(uintptr_t)log;
    m.restore = restore[0] ? (char *)(uintptr_t)restore : NULL;
    m.bitd = bit_lend(BIT_VERSION " " BIT_COMMIT);
    m.has_ranks = true;
    m.ranks = bit_launch_ranks(args);
    if (args->places != NULL) {
        bit_hosts_brief(args->places->list, nodes, sizeof nodes);
        m.nodes = nodes;
    }
    int err = bit_proc_start_time(m.pid, &m.pid_start);
    bit_info("launched", "run=%s attempt=%u epoch=%" PRIu64 " pid=%d ranks=%u nodes=%s restore=%s", run->id, m.attempt,
             m.epoch, m.pid, m.ranks, m.nodes ? m.nodes : "here", restore[0] ? restore : "none");
    bit_record(job->runner, LAUNCHED, launched, &m);
    return err == -ESRCH ? 0 : err; /* already gone: its end is about to be reported */
}

static int launch(struct bit_job *job, const char *restore)
{
    struct bit_runner *r = job->runner;
    char name[64];

    snprintf(name, sizeof name, "logs/worker-%u.log", r->run.launch.attempt + 1);
    char *log = bit_runner_path(r, name), *secret = bit_runner_path(r, "secret"), *nodes = bit_runner_path(r, "nodes");
    const struct bit_config *config = r->env->config;
    const struct bit_launch_args args = {
        .config = config,
        .slurm_job = job->slurm_job != NULL ? bit_slurm_job_number(job->slurm_job) : 0,
        .places = job->slurm_job != NULL ? &job->places : NULL,
        .spec = r->run.spec->launch,
        .run = r->run.id,
        .link = bit_worker_link_address(job->jobs->links, config, r->run.spec->launch->launcher),
        .owner = config->link,
        .secret = secret,
        .epoch = r->run.launch.epoch + 1,
        .nodes = nodes,
        .log = log,
    };
    int err = log == NULL || secret == NULL || nodes == NULL ? bit_fail(-ENOMEM, "launching") : bit_watch_begin(job);
    if (err == 0)
        err = bit_tally_begin(&job->tally, job->watch.ranks);
    if (err == 0)
        err = bit_launch_secret_create(secret, job->secret);
    if (err == 0)
        err = bit_launch_start(r->env->loop, &args, bit_job_launcher_ended, job, &job->launch);
    if (err == 0)
        err = write_launched(job, &args, name, restore);
    free(secret);
    free(nodes);
    free(log);
    return err;
}

static void start_worker(struct bit_job *job, const char *restore)
{
    struct bit_runner *r = job->runner;

    job->phase = BIT_JOB_STARTING;
    int err = launch(job, restore);
    if (err < 0)
        bit_job_end(job, err, "launching: %s", bit_fail_text());
    else
        bit_job_set_deadline(job, r->env->config->start_ms);
}

static void on_chosen(void *arg, int err, const char *restore)
{
    struct bit_job *job = arg;
    struct bit_runner *r = job->runner;
    bool ended = job->phase != BIT_JOB_CHOOSING; /* meanwhile */

    bit_job_loaded(job);
    if (ended)
        return;
    if (err < 0)
        bit_job_end(job, err, "%s", bit_fail_text());
    else if (r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING)
        start_worker(job, restore);
    else
        bit_job_end(job, 0, "not needed any more");
}

static void choose_checkpoint(struct bit_job *job)
{
    job->phase = BIT_JOB_CHOOSING;
    int err = bit_checkpoint_search_start(job->runner, on_chosen, job);
    if (err < 0)
        bit_job_end(job, err, "choosing a checkpoint: %s", bit_fail_text());
    else
        job->loading = true;
}

/* The settings may have changed since submission, including what users may pass to launchers. */
static int check_allowed(const struct bit_runner *r)
{
    return bit_allow_launch(r->env->config, r->run.spec, bit_runner_is_own(r));
}

/* Processes that an earlier daemon started without journalling them must be gone. */
static void on_cleared(void *arg)
{
    struct bit_job *job = arg;
    bool ended = job->phase != BIT_JOB_CHOOSING; /* meanwhile */

    bit_job_remove_leftovers(job);
    bit_job_swept(job);
    if (ended)
        return;
    if (check_allowed(job->runner) < 0)
        bit_job_end(job, BIT_ESPEC, "%s", bit_fail_text());
    else if (job->runner->run.spec->launch->launcher == BIT__LAUNCHER__MPIRUN)
        choose_checkpoint(job);
    else
        bit_nodes_get(job, choose_checkpoint);
}

void bit_launching_begin(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    const struct bit_proc_job processes = {.run = r->run.id, .link = r->env->config->link};

    job->phase = BIT_JOB_CHOOSING;
    bit_job_note_leftovers(job, &processes);
    int err = bit_reap_start(r->env->loop, &processes, 0, on_cleared, job);
    BIT_ASSERT(err == 0);
    job->reaping = true;
}

int bit_launching_adopt(struct bit_job *job)
{
    struct bit_runner *r = job->runner;
    char *secret = bit_runner_path(r, "secret");
    int err = secret == NULL ? -ENOMEM : bit_launch_secret_read(secret, job->secret);

    if (err == 0)
        err = bit_watch_begin(job);
    if (err == 0)
        err = bit_tally_begin(&job->tally, job->watch.ranks);
    free(secret);
    if (err == 0)
        err = bit_launch_adopt(r->env->loop, r->run.launch.pid, r->run.launch.pid_start, bit_job_launcher_ended, job,
                               &job->launch);
    return err;
}
