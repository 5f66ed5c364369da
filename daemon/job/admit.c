#include "daemon/job/admit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/done.h"
#include "daemon/job/examine.h"
#include "daemon/job/job.h"
#include "daemon/job/nodes.h"
#include "daemon/job/orders.h"
#include "daemon/job/reports.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/known_products.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("admit");

static int check_secret(const struct bit_job *job, const Bit__WorkerHello *hello)
{
    unsigned differ = 0;

    if (hello->secret.len != BIT_SECRET_BYTES) /* the length is no secret; all bytes are compared, in constant time */
        return bit_fail(BIT_EAUTH, "run %s: a secret of %zu bytes", job->runner->run.id, hello->secret.len);
    for (size_t i = 0; i < BIT_SECRET_BYTES; i++)
        differ |= hello->secret.data[i] ^ job->secret[i];
    return differ ? bit_fail(BIT_EAUTH, "run %s: wrong secret", job->runner->run.id) : 0;
}

/* The worker knows the secret and is of this launch. */
static int check_hello(const struct bit_job *job, uint64_t frame_epoch, const Bit__WorkerHello *hello)
{
    int err = check_secret(job, hello);

    if (err < 0)
        return err;
    if (hello->protocol != BIT_PROTOCOL_VERSION)
        return bit_fail(BIT_EVERSION, "run %s: the worker speaks protocol %u, we speak %u", hello->run, hello->protocol,
                        BIT_PROTOCOL_VERSION);
    if (hello->epoch != job->runner->run.launch.epoch || frame_epoch != hello->epoch)
        return bit_fail(BIT_EEPOCH, "run %s: a worker of launch %" PRIu64 ", and this is %" PRIu64, hello->run,
                        hello->epoch, job->runner->run.launch.epoch);
    return 0;
}

/* Read the kept model.init_from. *known is false for a run without one, or one that restores a checkpoint. */
static int find_origin(const struct bit_runner *r, struct bit_init_from *out, bool *known)
{
    const char *from = r->run.spec->model->init_from;

    *known = from != NULL && from[0] != '\0' && r->run.launch.restore[0] == '\0';
    if (!*known)
        return 0;
    char *path = bit_runner_path(r, "init.pb");
    int err = path == NULL ? bit_fail(-ENOMEM, "a welcome") : bit_init_from_load(path, out);
    free(path);
    return err;
}

/* Whether it is a fork with fresh optimizer moments that starts from its parent's checkpoint. */
static bool begins_fresh(const struct bit_run *run)
{
    const Bit__ForkOrigin *fork = run->fork;

    return fork != NULL && fork->has_fresh_moments && fork->fresh_moments &&
           strcmp(run->launch.restore, fork->checkpoint) == 0;
}

/* Send the known algorithms to a worker that builds its model and may choose. */
static void read_products(const struct bit_runner *r, bool training, struct bit_product_set *out, Bit__Welcome *m)
{
    const Bit__LaunchSpec *launch = r->run.spec->launch;

    m->has_products = !training && launch->search_products && !launch->deterministic;
    if (!m->has_products)
        return;
    bit_known_products_read(r->env->config->state, out);
    if (bit__welcome__get_packed_size(m) + out->size > BIT_FRAME_BODY_MAX - BIT_FRAME_HEADER_BYTES)
        bit_product_set_finish(out); /* too large together with this specification */
    m->products.data = out->bytes;
    m->products.len = out->size;
}

/* What follows from the run and the settings alone. */
static void describe_run(const struct bit_runner *r, Bit__Welcome *m)
{
    const struct bit_run *run = &r->run;
    const struct bit_config *config = r->env->config;

    m->protocol = BIT_PROTOCOL_VERSION;
    m->epoch = run->launch.epoch;
    m->spec = run->spec;
    m->last_step = run->step;
    m->identity = run->identity[0] ? (char *)(uintptr_t)run->identity : NULL;
    m->has_fresh_moments = m->fresh_moments = begins_fresh(run);
    m->has_beat_ms = m->has_fence_ms = true;
    m->beat_ms = (uint32_t)(config->heartbeat_ms / BIT_BEATS_MISSED);
    m->fence_ms = config->fence_ms;
}

static int welcome(struct bit_job *job, struct bit_worker_link *link, const struct bit_worker_link_ops *ops,
                   void *owner, bool training)
{
    const struct bit_run *run = &job->runner->run;
    char *folder = bit_runner_path(job->runner, "checkpoints"), *restore = NULL;
    Bit__Welcome m = BIT__WELCOME__INIT;
    struct bit_init_lists lists;
    Bit__InitFacts init;
    struct bit_init_from *origin = malloc(sizeof *origin);
    struct bit_product_set products = {0};
    bool begins = false;
    int err = folder == NULL || (run->launch.restore[0] && asprintf(&restore, "%s/%s", folder, run->launch.restore) < 0)
                  ? bit_fail(-ENOMEM, "a welcome")
                  : 0;

    if (err == 0 && !training)
        err = origin == NULL ? bit_fail(-ENOMEM, "a welcome") : find_origin(job->runner, origin, &begins);
    if (err == 0 && begins)
        bit_init_from_tell(origin, &lists, &init);
    describe_run(job->runner, &m);
    m.init = begins ? &init : NULL;
    m.checkpoint_dir = folder;
    m.restore = training ? NULL : restore;
    if (err == 0)
        read_products(job->runner, training, &products, &m);
    if (err == 0)
        err = bit_worker_link_welcome(link, ops, owner, run->launch.epoch, &m);
    bit_product_set_finish(&products);
    free(origin);
    free(restore);
    free(folder);
    return err;
}

/* Welcome rank 0. Its hello tells what follows: it builds a model, or it reports steps done meanwhile. */
static int take_link(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello)
{
    int err = welcome(job, link, &bit_admit_link_ops, job, hello->training);

    if (err < 0)
        return err;
    bit_watch_greet(job, NULL, hello);
    bit_watch_forget_orders(&job->watch);
    job->link = link;
    job->ready = false;
    job->reconnected = hello->training;
    job->outstanding = 0;
    bit_job_connected(job);
    bit_info("worker connected", "run=%s host=%s pid=%u ranks=%u step=%" PRIu64 " training=%d", job->runner->run.id,
             hello->host, hello->pid, hello->ranks, hello->step, hello->training);
    return 0;
}

/* ---- messages of ranks other than 0: heartbeats, and their ends */

static void hear(struct bit_watch_rank *rank, const Bit__Heartbeat *m)
{
    struct bit_job *job = rank->job;

    bit_watch_heard(rank, m);
    if (m->has_told && job->slurm_job != NULL)
        bit_nodes_told(job, (uint32_t)(rank - job->watch.rank), (int)m->told);
}

static void on_rank_message(void *owner, uint16_t type, const ProtobufCMessage *msg)
{
    struct bit_watch_rank *rank = owner;

    if (type == BIT_MSG_HEARTBEAT)
        hear(rank, (const Bit__Heartbeat *)msg);
    else if (type == BIT_MSG_WORKER_DONE)
        bit_done_note(rank->job, (uint32_t)(rank - rank->job->watch.rank), (const Bit__WorkerDone *)msg);
    else if (type == BIT_MSG_WORKER_FAILED)
        bit_reports_failed(rank->job, (uint32_t)(rank - rank->job->watch.rank), (const Bit__WorkerFailed *)msg);
    else
        bit_warn("message ignored", "run=%s rank=%td type=%s text=\"only rank 0 may send it\"",
                 rank->job->runner->run.id, rank - rank->job->watch.rank, bit_msg_name(type));
}

static void on_rank_drained(void *owner)
{
}

/* The process may have ended, which its launcher reports, or reconnect; otherwise it is found silent. A record that its
 * seal does not open is different: it would be sent again on every new link, for ever. */
static void on_rank_lost(void *owner, int err)
{
    struct bit_watch_rank *rank = owner;
    struct bit_job *job = rank->job;

    bit_watch_unlink(rank);
    if (!job->done && !job->launcher_ended)
        bit_info("rank's link lost", "run=%s rank=%td err=%s", job->runner->run.id, rank - job->watch.rank,
                 bit_strerror(err));
    if (err != -EBADMSG || job->done || job->launcher_ended || job->cause.known)
        return;
    job->cause.has_rank = true;
    job->cause.rank = (uint32_t)(rank - job->watch.rank);
    bit_job_end(job, err, "rank %u sent an invalid message: %s", job->cause.rank, bit_fail_text());
}

static const struct bit_worker_link_ops rank_ops = {NULL, on_rank_message, on_rank_drained, on_rank_lost};

/* ---- connecting workers */

/* If the job was told to stop, a rank that reconnects can now report that it is done: restart the time for it. */
static void wait_for_done_of(struct bit_job *job)
{
    uint32_t first;

    if (!bit_job_awaits_done(job, &first))
        return;
    bit_examine_stop(job);
    bit_job_expect(job);
}

static int take_rank(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello)
{
    if (hello->rank == 0 || hello->rank >= job->watch.ranks)
        return bit_fail(BIT_EWORKER, "run %s: rank %u of %u", job->runner->run.id, hello->rank, job->watch.ranks);
    int err = welcome(job, link, &rank_ops, &job->watch.rank[hello->rank], true);
    if (err < 0)
        return err;
    bit_watch_greet(job, link, hello);
    wait_for_done_of(job);
    bit_debug("rank connected", "run=%s rank=%u host=%s pid=%u step=%" PRIu64, job->runner->run.id, hello->rank,
              hello->host, hello->pid, hello->step);
    return 0;
}

/* The job of a run that is launched and so may get a worker; or NULL. */
static struct bit_job *find_launched(const struct bit_jobs *jobs, const char *run)
{
    const struct bit_runner *r = bit_runs_find(jobs->runs, run);
    struct bit_job *job = r != NULL ? r->job : NULL;

    if (job == NULL || job->phase == BIT_JOB_CHOOSING || job->phase == BIT_JOB_ENDING || job->phase == BIT_JOB_WAITING)
        return NULL;
    return job;
}

/* Asked for a connection that is not authenticated yet. */
static int on_launch(void *arg, const char *run, uint64_t epoch, struct bit_launch_id *out)
{
    const struct bit_job *job = find_launched(arg, run);

    if (job == NULL || job->runner->run.launch.epoch != epoch)
        return bit_fail(BIT_EAUTH, "no launch waits for this worker");
    *out = (struct bit_launch_id){.epoch = epoch};
    snprintf(out->run, sizeof out->run, "%s", job->runner->run.id);
    memcpy(out->secret, job->secret, sizeof out->secret);
    return 0;
}

static int on_hello(void *arg, struct bit_worker_link *link, uint64_t frame_epoch, const Bit__WorkerHello *hello)
{
    struct bit_job *job = find_launched(arg, hello->run);

    if (job == NULL)
        return bit_fail(BIT_ENORUN, "run '%.32s' is not waiting for a worker", hello->run);
    int err = check_hello(job, frame_epoch, hello);
    if (err < 0)
        return err;
    if (hello->has_rank && hello->rank > 0)
        return take_rank(job, link, hello);
    if (hello->ranks != bit_run_ranks(&job->runner->run)) {
        bit_job_end(job, BIT_EWORKER, "%u ranks connected, but %u were launched%s", hello->ranks,
                    bit_run_ranks(&job->runner->run),
                    job->slurm_job != NULL && hello->ranks == 1
                        ? ": the worker's MPI did not take its ranks from srun --mpi=pmix"
                        : "");
        return bit_fail(BIT_EWORKER, "run %s: %s", hello->run, job->cause.text);
    }
    if (hello->training && hello->step < job->runner->run.step) {
        bit_job_end(job, BIT_EWORKER, "the worker came back at step %" PRIu64 ", and the journal holds step %" PRIu64,
                    hello->step, job->runner->run.step);
        return bit_fail(BIT_ESTATE, "run %s: %s", hello->run, job->cause.text);
    }
    if (job->link != NULL)
        bit_worker_link_close(job->link); /* it reconnected before the old link was seen to end */
    job->link = NULL;
    return take_link(job, link, hello);
}

/* ---- messages of rank 0 */

static void on_message(void *owner, uint16_t type, const ProtobufCMessage *msg)
{
    struct bit_job *job = owner;

    bit_watch_alive(job, 0);
    if (type == BIT_MSG_HEARTBEAT) { /* no progress: a step that hangs still sends them */
        const Bit__Heartbeat *m = (const Bit__Heartbeat *)msg;
        bit_format(job->section, sizeof job->section, "%s", m->section);
        hear(&job->watch.rank[0], m);
    } else {
        bit_reports_take(job, type, msg);
    }
}

static void on_drained(void *owner)
{
    bit_orders_pump(owner);
}

static void on_lost(void *owner, int err)
{
    bit_job_lost_link(owner, err);
}

const struct bit_worker_link_ops bit_admit_link_ops = {on_hello, on_message, on_drained, on_lost, on_launch};
