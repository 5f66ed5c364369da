#include "daemon/launch/slurm_job.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/launch/launch.h"
#include "daemon/launch/squeue.h"
#include "daemon/sys/argv.h"
#include "daemon/sys/child_output.h"
#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/spec/spec_slurm.h"

BIT_LOG_TOPIC("alloc");

#define COMMAND_MS 60000 /* Slurm's own patience with a controller that is slow */

struct bit_alloc {
    struct bit_runner *runner;
    const struct bit_alloc_ops *ops;
    void *arg;
    uv_timer_t timer;
    bool wanted;   /* acquire was called, and is neither answered nor paused */
    bool ready;    /* it was answered, and the job has not ended since */
    bool warned;   /* that it ends soon */
    char told[96]; /* a rank was told to end; empty: none was */
    bool busy;     /* a command runs */
    bool dying;    /* to be freed when it has ended */
    struct bit_hosts nodes, lost;
};

static void poll_now(uv_timer_t *timer);

uint64_t bit_alloc_own_job(void)
{
    const char *text = getenv("SLURM_JOB_ID");
    return text != NULL && isdigit((unsigned char)text[0]) ? strtoull(text, NULL, 10) : 0;
}

static bool is_submitted(const struct bit_alloc *a)
{
    return a->runner->run.spec->launch->launcher == BIT__LAUNCHER__SBATCH;
}

uint64_t bit_alloc_job(const struct bit_alloc *a)
{
    return is_submitted(a) ? a->runner->run.slurm.job : bit_alloc_own_job();
}

/* ---------------------------------------------------------------- what Slurm said, told on */

/* Cut as it is kept, so that what was noted is known when it comes again. */
static void note(struct bit_alloc *a, uint64_t job, const char *all_state, const char *all_reason)
{
    const struct bit_run_slurm *known = &a->runner->run.slurm;
    char state[sizeof known->state], reason[sizeof known->reason];
    bit_format(state, sizeof state, "%s", all_state);
    bit_hosts_brief(all_reason, reason, sizeof reason); /* while the job runs, its nodes */
    if (known->job == job && strcmp(known->state, state) == 0 && strcmp(known->reason, reason) == 0)
        return;
    Bit__SlurmJob m = BIT__SLURM_JOB__INIT;
    m.job = job;
    m.state = state;
    m.reason = reason;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SLURM;
    record.slurm = &m;
    bit_info("slurm", "run=%s job=%" PRIu64 " state=%s reason=%s", a->runner->run.id, job, state, reason);
    bit_runner_record(a->runner, &record);
}

static void again_in(struct bit_alloc *a, uint64_t ms)
{
    uv_timer_start(&a->timer, poll_now, ms, 0);
}

static void answer(struct bit_alloc *a, int err)
{
    a->wanted = false;
    a->ready = err == 0;
    a->warned = false;
    a->told[0] = '\0';
    if (a->ready && is_submitted(a))
        again_in(a, a->runner->daemon->config.slurm_poll_ms);
    a->ops->ready(a->arg, err);
}

static void lost_job(struct bit_alloc *a, int err, const char *why)
{
    a->ready = false;
    a->ops->over(a->arg, err, why);
}

/* ---------------------------------------------------------------- commands */

static void on_freed(uv_handle_t *handle)
{
    struct bit_alloc *a = handle->data;
    bit_hosts_finish(&a->nodes);
    bit_hosts_finish(&a->lost);
    free(a);
}

static void destroy(struct bit_alloc *a)
{
    a->dying = true;
    uv_timer_stop(&a->timer);
    if (!a->busy)
        uv_close((uv_handle_t *)&a->timer, on_freed);
}

static void run(struct bit_alloc *a, struct bit_argv *argv, bit_child_output_done *done)
{
    int err = bit_argv_check(argv);
    if (err == 0)
        err = bit_child_output_get(&a->runner->daemon->loop, argv->item, COMMAND_MS, done, a);
    a->busy = err == 0;
    if (err < 0)
        again_in(a, a->runner->daemon->config.slurm_poll_ms);
    bit_argv_finish(argv);
}

/* false: it was given up meanwhile, and this was what it waited for. */
static bool still_there(struct bit_alloc *a)
{
    a->busy = false;
    if (a->dying)
        uv_close((uv_handle_t *)&a->timer, on_freed);
    return !a->dying;
}

/* ---------------------------------------------------------------- submitting */

static const char hold_script[] = "#!/bin/sh\n"
                                  "# Holds this Slurm job's nodes for bitd, whose workers run in steps of it. bitd "
                                  "touches the file $1 as long as it\n"
                                  "# wants them, and sends SIGUSR2 when it does not.\n"
                                  "trap 'exit 0' USR2\n"
                                  "while [ $(($(date +%s) - $(stat -c %Y \"$1\" || echo 0))) -lt \"$2\" ]; do\n"
                                  "    sleep 10 &\n"
                                  "    wait $!\n"
                                  "done\n"
                                  "echo \"no word of bitd for $2 s: the nodes go back\" >&2\n"
                                  "exit 75\n";

static int touch_lease(struct bit_alloc *a)
{
    char *path = bit_runner_path(a->runner, "lease");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int err = fd < 0 || futimens(fd, NULL) < 0 ? bit_fail(-errno, "%s: %s", path ? path : "lease", strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

static int write_hold_script(struct bit_alloc *a)
{
    char *path = bit_runner_path(a->runner, "hold");
    int err = path == NULL ? bit_fail(-ENOMEM, "the job's script")
                           : bit_file_write(path, (const uint8_t *)hold_script, sizeof hold_script - 1);
    free(path);
    return err;
}

uint32_t bit_alloc_nodes(const Bit__LaunchSpec *launch)
{
    uint32_t each = bit_slurm_ranks_per_node(launch->slurm);
    if (launch->slurm->nodes > 0)
        return launch->slurm->nodes;
    return each ? (launch->ranks + each - 1) / each : 1;
}

static void add_wishes(const Bit__LaunchSpec *launch, struct bit_argv *out)
{
    const Bit__SlurmSpec *slurm = launch->slurm;
    uint32_t nodes = bit_alloc_nodes(launch), each = bit_slurm_ranks_per_node(slurm);
    bit_argv_add(out, "--nodes=%u", nodes);
    bit_argv_add(out, "--ntasks-per-node=%u", each ? each : (launch->ranks + nodes - 1) / nodes);
    if (launch->threads > 0)
        bit_argv_add(out, "--cpus-per-task=%u", launch->threads);
    if (slurm->gres != NULL)
        bit_argv_add(out, "--gres=%s", slurm->gres);
    if (slurm->partition != NULL)
        bit_argv_add(out, "--partition=%s", slurm->partition);
    if (slurm->account != NULL)
        bit_argv_add(out, "--account=%s", slurm->account);
    if (slurm->qos != NULL)
        bit_argv_add(out, "--qos=%s", slurm->qos);
    if (slurm->time_limit != NULL)
        bit_argv_add(out, "--time=%s", slurm->time_limit);
    bit_argv_add_all(out, slurm->sbatch_arg, slurm->n_sbatch_arg);
}

int bit_alloc_sbatch(const struct bit_config *config, const char *run, const char *folder, const Bit__RunSpec *spec,
                     struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    bit_launch_slurm_tool(config, "sbatch", out);
    bit_argv_add(out, "--parsable");
    bit_argv_add(out, "--job-name=bitd-%s", run);
    bit_argv_add(out, "--output=%s/logs/slurm-%%j.log", folder);
    bit_argv_add(out, "--open-mode=append");
    bit_argv_add(out, "--no-kill"); /* of the job: a lost node makes it smaller, and the rest goes on */
    bit_argv_add(out, "--requeue");
    add_wishes(spec->launch, out);
    bit_argv_add(out, "%s/hold", folder);
    bit_argv_add(out, "%s/lease", folder);
    bit_argv_add(out, "%d", BIT_ALLOC_LEASE_S);
    return bit_argv_check(out);
}

static void on_submitted(void *arg, const struct bit_child_output *r)
{
    struct bit_alloc *a = arg;
    char text[BIT_ERR_TEXT_MAX];
    uint64_t job = bit_child_output_ok(r) && isdigit(r->out[0]) ? strtoull((const char *)r->out, NULL, 10) : 0;
    if (job > 0)
        note(a, job, "PENDING", "submitted"); /* before anything else: from here on it is ours to end */
    if (!still_there(a))
        return;
    bit_child_output_explain(r, "sbatch", text, sizeof text);
    if (job > 0 || !a->wanted)
        again_in(a, 0);
    else
        answer(a, bit_fail(r->spawn_err == -ENOENT ? BIT_EUSAGE : BIT_EWORKER, "sbatch: %s", text));
}

static void submit(struct bit_alloc *a)
{
    struct bit_argv argv = {0};
    int err = write_hold_script(a);
    if (err == 0)
        err = touch_lease(a);
    if (err == 0)
        err = bit_alloc_sbatch(&a->runner->daemon->config, a->runner->run.id, a->runner->dir, a->runner->run.spec,
                               &argv);
    if (err < 0) {
        bit_argv_finish(&argv);
        answer(a, err);
        return;
    }
    run(a, &argv, on_submitted);
}

/* ---------------------------------------------------------------- watching */

static int take_nodes(struct bit_alloc *a, const char *list)
{
    struct bit_hosts nodes;
    int err = bit_hosts_parse(list, &nodes);
    if (err < 0)
        return err;
    bit_hosts_finish(&a->nodes);
    a->nodes = nodes;
    return 0;
}

static void take_running(struct bit_alloc *a, const struct bit_squeue *q)
{
    char why[BIT_ERR_TEXT_MAX];
    const struct bit_run *r = &a->runner->run;
    int err = take_nodes(a, q->nodes); /* a job may have grown smaller */
    note(a, r->slurm.job, q->state, q->nodes);
    if (a->wanted) {
        answer(a, err);
        return;
    }
    bool late = q->has_left && q->left_s <= r->spec->launch->slurm->warn_s;
    if (!a->ready || a->warned || !(late || a->told[0] != '\0'))
        return;
    a->warned = true;
    bit_format(why, sizeof why, "Slurm job %" PRIu64 " ends in %" PRIu64 " s", r->slurm.job, q->left_s);
    a->ops->ends(a->arg, a->told[0] != '\0' ? a->told : why);
}

static void take_waiting(struct bit_alloc *a, const struct bit_squeue *q)
{
    char why[BIT_ERR_TEXT_MAX];
    const uint64_t job = a->runner->run.slurm.job;
    bit_format(why, sizeof why, "Slurm job %" PRIu64 " is %s again: %s", job, q->state, q->reason);
    note(a, job, q->state, q->reason);
    if (a->ready)
        lost_job(a, BIT_EWORKER, why);
}

/* Somebody's scancel is meant for the run; every other end is the job's alone, and another job follows. */
static void take_ended(struct bit_alloc *a, const char *state, const char *reason)
{
    char why[BIT_ERR_TEXT_MAX];
    const uint64_t job = a->runner->run.slurm.job;
    int err = strncmp(state, "CANCELLED", 9) == 0 ? -ECANCELED : BIT_EWORKER;
    bit_format(why, sizeof why, "Slurm job %" PRIu64 " ended: %s%s%s", job, state, reason[0] ? ", " : "", reason);
    note(a, 0, state, reason);
    bit_hosts_finish(&a->lost);
    if (a->ready)
        lost_job(a, err, why);
    else if (err == -ECANCELED)
        answer(a, bit_fail(err, "%s", why));
    else
        submit(a);
}

static bool knows_no_such_job(const struct bit_child_output *r)
{
    return r->spawn_err == 0 && !r->late && strstr((const char *)r->err, "Invalid job id") != NULL;
}

static void on_polled(void *arg, const struct bit_child_output *r)
{
    struct bit_alloc *a = arg;
    struct bit_squeue q = {0};
    char text[BIT_ERR_TEXT_MAX];
    if (!still_there(a) || !(a->wanted || a->ready))
        return;
    again_in(a, a->runner->daemon->config.slurm_poll_ms);
    if (knows_no_such_job(r) || (bit_child_output_ok(r) && r->out_bytes == 0)) {
        take_ended(a, "UNKNOWN", "Slurm does not know it any more");
    } else if (!bit_child_output_ok(r) || bit_squeue_parse((const char *)r->out, &q) < 0) {
        bit_child_output_explain(r, "squeue", text, sizeof text);
        bit_warn("slurm does not answer", "run=%s text=%s", a->runner->run.id, text);
    } else if (bit_squeue_runs(&q)) {
        take_running(a, &q);
    } else if (bit_squeue_waits(&q)) {
        take_waiting(a, &q);
    } else {
        take_ended(a, q.state, q.reason);
    }
    bit_squeue_finish(&q);
}

static void ask(struct bit_alloc *a)
{
    struct bit_argv argv = {0};
    if (touch_lease(a) < 0)
        bit_warn("lease not touched", "run=%s text=%s", a->runner->run.id, bit_fail_text());
    bit_launch_slurm_tool(&a->runner->daemon->config, "squeue", &argv);
    bit_argv_add(&argv, "--noheader");
    bit_argv_add(&argv, "--states=all");
    bit_argv_add(&argv, "--jobs=%" PRIu64, a->runner->run.slurm.job);
    bit_argv_add(&argv, "--format=%s", BIT_SQUEUE_FORMAT);
    run(a, &argv, on_polled);
}

/* The nodes that bitd's own job began with: those that it lost since are found out, or known. */
static void take_own_job(struct bit_alloc *a)
{
    const char *list = getenv("SLURM_JOB_NODELIST");
    int err = bit_alloc_own_job() == 0 || list == NULL
                  ? bit_fail(BIT_EUSAGE, "launcher SRUN starts ranks in the Slurm job that bitd runs in, and bitd runs "
                                         "in none (no SLURM_JOB_ID)")
                  : take_nodes(a, list);
    answer(a, err);
}

static void poll_now(uv_timer_t *timer)
{
    struct bit_alloc *a = timer->data;
    if (a->busy)
        again_in(a, a->runner->daemon->config.slurm_poll_ms);
    else if (!is_submitted(a))
        take_own_job(a);
    else if (a->runner->run.slurm.job != 0)
        ask(a);
    else if (a->wanted)
        submit(a);
}

/* ---------------------------------------------------------------- from outside */

void bit_alloc_told(struct bit_alloc *a, const char *why)
{
    if (!a->ready || a->told[0] != '\0')
        return;
    bit_format(a->told, sizeof a->told, "%s", why);
    again_in(a, 0);
}

int bit_alloc_create(struct bit_runner *r, const struct bit_alloc_ops *ops, void *arg, struct bit_alloc **out)
{
    struct bit_alloc *a = calloc(1, sizeof *a);
    if (a == NULL)
        return bit_fail(-ENOMEM, "a Slurm job");
    a->runner = r;
    a->ops = ops;
    a->arg = arg;
    uv_timer_init(&r->daemon->loop, &a->timer);
    a->timer.data = a;
    *out = a;
    return 0;
}

void bit_alloc_acquire(struct bit_alloc *a)
{
    a->wanted = true;
    a->ready = false;
    again_in(a, 0);
}

void bit_alloc_pause(struct bit_alloc *a)
{
    a->wanted = a->ready = false;
    uv_timer_stop(&a->timer);
}

/* A host may call itself by its full name. */
static bool is_same_host(const char *node, const char *host)
{
    size_t bytes = strcspn(node, ".");
    return strcmp(node, host) == 0 || (strcspn(host, ".") == bytes && strncmp(node, host, bytes) == 0);
}

int bit_alloc_lose(struct bit_alloc *a, const char *host)
{
    for (size_t i = 0; i < a->nodes.count; i++)
        if (is_same_host(a->nodes.name[i], host))
            return bit_hosts_have(&a->lost, a->nodes.name[i]) ? 0 : bit_hosts_add(&a->lost, a->nodes.name[i]);
    return bit_fail(-ENOENT, "%s is no node of Slurm job %" PRIu64, host, bit_alloc_job(a));
}

void bit_alloc_forgive(struct bit_alloc *a)
{
    bit_hosts_finish(&a->lost);
}

int bit_alloc_place(const struct bit_alloc *a, struct bit_places *out)
{
    return bit_places_choose(&a->nodes, &a->lost, a->runner->run.spec, out);
}

static void on_cancelled(void *arg, const struct bit_child_output *r)
{
    if (!bit_child_output_ok(r)) {
        char text[BIT_ERR_TEXT_MAX];
        bit_child_output_explain(r, "scancel", text, sizeof text);
        bit_info("scancel", "text=%s", text);
    }
}

/* A job that runs is told to end well; one that does not, or not yet, is cancelled. */
static void scancel(struct bit_daemon *d, uint64_t job, const char *how, const char *how_else)
{
    struct bit_argv argv = {0};
    bit_launch_slurm_tool(&d->config, "scancel", &argv);
    bit_argv_add(&argv, "--quiet");
    bit_argv_add(&argv, "%s", how);
    if (how_else != NULL)
        bit_argv_add(&argv, "%s", how_else);
    bit_argv_add(&argv, "%" PRIu64, job);
    if (bit_argv_check(&argv) == 0)
        bit_child_output_get(&d->loop, argv.item, COMMAND_MS, on_cancelled, NULL);
    bit_argv_finish(&argv);
}

void bit_alloc_release(struct bit_alloc *a)
{
    if (a == NULL)
        return;
    uint64_t job = is_submitted(a) ? a->runner->run.slurm.job : 0;
    if (job != 0) {
        scancel(a->runner->daemon, job, "--state=PENDING", NULL);
        scancel(a->runner->daemon, job, "--batch", "--signal=USR2");
        note(a, 0, "RELEASED", "not needed any more");
    }
    destroy(a);
}

void bit_alloc_leave(struct bit_alloc *a)
{
    if (a != NULL)
        destroy(a);
}
