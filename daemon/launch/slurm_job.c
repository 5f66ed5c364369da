#include "daemon/launch/slurm_job.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/launch/hold_script.h" /* made from hold.sh by the build */
#include "daemon/launch/sbatch_answer.h"
#include "daemon/launch/slurm_commands.h"
#include "daemon/launch/squeue.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/lists/argv.h"
#include "daemon/sys/processes/child_run.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("slurm_job");

#define COMMAND_MS 60000 /* Slurm's own timeout for a slow controller */

struct bit_slurm_job {
    struct bit_runner *runner;
    const struct bit_slurm_job_ops *ops;
    void *arg;
    uv_timer_t timer;
    bool wanted;   /* acquire was called, and neither answered nor paused */
    bool ready;    /* acquire was answered, and the job has not ended since */
    bool warned;   /* the owner knows that the job will end soon */
    char told[96]; /* why a rank got a signal to end; empty: none did */
    bool busy;     /* a command is running */
    bool dying;    /* to be freed when the command ends */
    struct bit_hosts nodes, lost;
};

static void poll_now(uv_timer_t *timer);

uint64_t bit_slurm_job_own(void)
{
    const char *text = getenv("SLURM_JOB_ID");

    return text != NULL && isdigit((unsigned char)text[0]) ? strtoull(text, NULL, 10) : 0;
}

int bit_slurm_job_check_own(void)
{
    if (bit_slurm_job_own() != 0)
        return 0;
    return bit_fail(BIT_EUSAGE, "SRUN needs a bitd inside a Slurm job, and this one is in none (SLURM_JOB_ID is not "
                                "set): start bitd in a job, or use SBATCH, which submits one");
}

static bool is_submitted(const struct bit_slurm_job *j)
{
    return j->runner->run.spec->launch->launcher == BIT__LAUNCHER__SBATCH;
}

uint64_t bit_slurm_job_number(const struct bit_slurm_job *j)
{
    return is_submitted(j) ? j->runner->run.slurm.job : bit_slurm_job_own();
}

/* ---- reporting what Slurm says */

/* The texts are cut to the size in which they are kept, so that a known state is recognised. */
static void note_state(struct bit_slurm_job *j, uint64_t number, const char *all_state, const char *all_reason)
{
    const struct bit_run_slurm *known = &j->runner->run.slurm;
    char state[sizeof known->state], reason[sizeof known->reason];

    bit_format(state, sizeof state, "%s", all_state);
    bit_hosts_brief(all_reason, reason, sizeof reason); /* the reason of a running job is its nodes */
    if (known->job == number && strcmp(known->state, state) == 0 && strcmp(known->reason, reason) == 0)
        return;
    Bit__SlurmJob m = BIT__SLURM_JOB__INIT;
    m.job = number;
    m.state = state;
    m.reason = reason;
    bit_info("slurm", "run=%s job=%" PRIu64 " state=%s reason=%s", j->runner->run.id, number, state, reason);
    bit_record(j->runner, SLURM, slurm, &m);
}

static void again_in(struct bit_slurm_job *j, uint64_t ms)
{
    uv_timer_start(&j->timer, poll_now, ms, 0);
}

static void tell_ready(struct bit_slurm_job *j, int err)
{
    j->wanted = false;
    j->ready = err == 0;
    j->warned = false;
    j->told[0] = '\0';
    if (j->ready && is_submitted(j))
        again_in(j, j->runner->env->config->slurm_poll_ms);
    j->ops->ready(j->arg, err);
}

static void tell_over(struct bit_slurm_job *j, int err, const char *why)
{
    j->ready = false;
    j->ops->over(j->arg, err, why);
}

/* ---- commands */

static void on_freed(uv_handle_t *handle)
{
    struct bit_slurm_job *j = handle->data;

    bit_hosts_finish(&j->nodes);
    bit_hosts_finish(&j->lost);
    free(j);
}

static void destroy(struct bit_slurm_job *j)
{
    j->dying = true;
    uv_timer_stop(&j->timer);
    if (!j->busy)
        uv_close((uv_handle_t *)&j->timer, on_freed);
}

static void run_command(struct bit_slurm_job *j, struct bit_argv *argv, bit_child_output_done *done)
{
    int err = bit_argv_check(argv);

    if (err == 0)
        err = bit_child_run(j->runner->env->loop, argv->item, COMMAND_MS, done, j);
    j->busy = err == 0;
    if (err < 0)
        again_in(j, j->runner->env->config->slurm_poll_ms);
    bit_argv_finish(argv);
}

/* A command has ended. Returns false if the job was given up meanwhile; it is being freed then. */
static bool still_there(struct bit_slurm_job *j)
{
    j->busy = false;
    if (j->dying)
        uv_close((uv_handle_t *)&j->timer, on_freed);
    return !j->dying;
}

/* ---- submitting */

static int touch_lease(struct bit_slurm_job *j)
{
    char *path = bit_runner_path(j->runner, "lease");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int err = fd < 0 || futimens(fd, NULL) < 0 ? bit_fail(-errno, "%s: %s", path ? path : "lease", strerror(errno)) : 0;

    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

static int write_hold_script(struct bit_slurm_job *j)
{
    char *path = bit_runner_path(j->runner, "hold");
    int err = path == NULL ? bit_fail(-ENOMEM, "the job's script")
                           : bit_file_write(path, (const uint8_t *)HOLD_SCRIPT, sizeof HOLD_SCRIPT - 1);

    free(path);
    return err;
}

/* It may be accepted later: it waits with Slurm's reason, and is submitted again. */
static void wait_to_submit(struct bit_slurm_job *j, const char *text)
{
    bit_warn("not submitted yet", "run=%s text=%s", j->runner->run.id, text);
    note_state(j, 0, BIT_RUN_SLURM_NOT_SUBMITTED, text);
    again_in(j, j->runner->env->config->slurm_poll_ms);
}

static void on_submitted(void *arg, const struct bit_child_output *r)
{
    struct bit_slurm_job *j = arg;
    char text[BIT_ERR_TEXT_MAX];
    uint64_t number = bit_child_output_ok(r) && isdigit(r->out[0]) ? strtoull((const char *)r->out, NULL, 10) : 0;

    if (number > 0)
        note_state(j, number, "PENDING", "submitted"); /* first: a job that is not noted would never be ended */
    if (!still_there(j))
        return;
    enum bit_sbatch_answer answer = bit_sbatch_answer_read(r, text, sizeof text);
    if (number > 0 || !j->wanted)
        again_in(j, 0);
    else if (answer == BIT_SBATCH_NOT_NOW)
        wait_to_submit(j, text);
    else if (answer == BIT_SBATCH_TAKEN)
        tell_ready(
            j, bit_fail(BIT_ELAUNCH, "sbatch accepted a job but printed no job number: '%.64s'", (const char *)r->out));
    else
        tell_ready(j, bit_fail(BIT_ELAUNCH, "sbatch refused: %s", text));
}

static void submit_job(struct bit_slurm_job *j)
{
    struct bit_argv argv = {0};
    int err = write_hold_script(j);

    if (err == 0)
        err = touch_lease(j);
    if (err == 0)
        err = bit_slurm_commands_sbatch(j->runner->env->config, j->runner->run.id, j->runner->dir, j->runner->run.spec,
                                        &argv);
    if (err < 0) {
        bit_argv_finish(&argv);
        tell_ready(j, err);
        return;
    }
    run_command(j, &argv, on_submitted);
}

/* ---- watching */

static int take_nodes(struct bit_slurm_job *j, const char *list)
{
    struct bit_hosts nodes;
    int err = bit_hosts_parse(list, &nodes);

    if (err < 0)
        return err;
    bit_hosts_finish(&j->nodes);
    j->nodes = nodes;
    return 0;
}

static void take_running(struct bit_slurm_job *j, const struct bit_squeue *q)
{
    char why[BIT_ERR_TEXT_MAX];
    const struct bit_run *r = &j->runner->run;
    int err = take_nodes(j, q->nodes); /* the job may have lost some */

    note_state(j, r->slurm.job, q->state, q->nodes);
    if (j->wanted) {
        tell_ready(j, err);
        return;
    }
    bool late = q->has_left && q->left_s <= r->spec->launch->slurm->warn_s;
    if (!j->ready || j->warned || !(late || j->told[0] != '\0'))
        return;
    j->warned = true;
    bit_format(why, sizeof why, "Slurm job %" PRIu64 " ends in %" PRIu64 " s", r->slurm.job, q->left_s);
    j->ops->ends(j->arg, j->told[0] != '\0' ? j->told : why);
}

static void take_waiting(struct bit_slurm_job *j, const struct bit_squeue *q)
{
    char why[BIT_ERR_TEXT_MAX];
    const uint64_t number = j->runner->run.slurm.job;

    bit_format(why, sizeof why, "Slurm job %" PRIu64 " is %s again: %s", number, q->state, q->reason);
    note_state(j, number, q->state, q->reason);
    if (j->ready)
        tell_over(j, BIT_EWORKER, why);
}

/* A scancel also ends the run; after any other end of the job a new one is submitted. */
static void take_ended(struct bit_slurm_job *j, const char *state, const char *reason)
{
    char why[BIT_ERR_TEXT_MAX];
    const uint64_t number = j->runner->run.slurm.job;
    int err = strncmp(state, "CANCELLED", 9) == 0 ? -ECANCELED : BIT_EWORKER;

    bit_format(why, sizeof why, "Slurm job %" PRIu64 " ended: %s%s%s", number, state, reason[0] ? ", " : "", reason);
    note_state(j, 0, state, reason);
    bit_hosts_finish(&j->lost);
    if (j->ready)
        tell_over(j, err, why);
    else if (err == -ECANCELED)
        tell_ready(j, bit_fail(err, "%s", why));
    else
        submit_job(j);
}

static bool knows_no_such_job(const struct bit_child_output *r)
{
    return r->spawn_err == 0 && !r->late && strstr((const char *)r->err, "Invalid job id") != NULL;
}

static void take_state(struct bit_slurm_job *j, const struct bit_squeue *q)
{
    switch (bit_squeue_stage(q)) {
    case BIT_SQUEUE_RUNS:
        take_running(j, q);
        break;
    case BIT_SQUEUE_WAITS:
        take_waiting(j, q);
        break;
    case BIT_SQUEUE_ENDED:
        take_ended(j, q->state, q->reason);
        break;
    case BIT_SQUEUE_UNKNOWN:
        note_state(j, j->runner->run.slurm.job, q->state, q->reason);
        break;
    }
}

static void on_polled(void *arg, const struct bit_child_output *r)
{
    struct bit_slurm_job *j = arg;
    struct bit_squeue q = {0};
    char text[BIT_ERR_TEXT_MAX];

    if (!still_there(j) || !(j->wanted || j->ready))
        return;
    again_in(j, j->runner->env->config->slurm_poll_ms);
    if (knows_no_such_job(r) || (bit_child_output_ok(r) && r->out_bytes == 0)) {
        take_ended(j, "UNKNOWN", "Slurm no longer knows the job");
    } else if (!bit_child_output_ok(r) || bit_squeue_parse((const char *)r->out, &q) < 0) {
        bit_child_output_explain(r, "squeue", text, sizeof text);
        bit_warn("slurm does not answer", "run=%s text=%s", j->runner->run.id, text);
    } else {
        take_state(j, &q);
    }
    bit_squeue_finish(&q);
}

static void ask_squeue(struct bit_slurm_job *j)
{
    struct bit_argv argv = {0};

    if (touch_lease(j) < 0)
        bit_warn("lease not touched", "run=%s text=%s", j->runner->run.id, bit_fail_text());
    bit_slurm_commands_squeue(j->runner->env->config, j->runner->run.slurm.job, &argv);
    run_command(j, &argv, on_polled);
}

/* The nodes that bitd's own job had at its start. Those lost since are in `lost`, or the launch will fail on them. */
static void take_own_job(struct bit_slurm_job *j)
{
    const char *list = getenv("SLURM_JOB_NODELIST");
    int err = bit_slurm_job_check_own();

    if (err == 0)
        err = list == NULL ? bit_fail(BIT_EUSAGE, "no SLURM_JOB_NODELIST, and bitd runs in a Slurm job")
                           : take_nodes(j, list);
    tell_ready(j, err);
}

static void poll_now(uv_timer_t *timer)
{
    struct bit_slurm_job *j = timer->data;

    if (j->busy)
        again_in(j, j->runner->env->config->slurm_poll_ms);
    else if (!is_submitted(j))
        take_own_job(j);
    else if (j->runner->run.slurm.job != 0)
        ask_squeue(j);
    else if (j->wanted)
        submit_job(j);
}

/* ---- requests of the owner */

void bit_slurm_job_told(struct bit_slurm_job *j, const char *why)
{
    if (!j->ready || j->told[0] != '\0')
        return;
    bit_format(j->told, sizeof j->told, "%s", why);
    again_in(j, 0);
}

int bit_slurm_job_create(struct bit_runner *r, const struct bit_slurm_job_ops *ops, void *arg,
                         struct bit_slurm_job **out)
{
    struct bit_slurm_job *j = calloc(1, sizeof *j);

    if (j == NULL)
        return bit_fail(-ENOMEM, "a Slurm job");
    j->runner = r;
    j->ops = ops;
    j->arg = arg;
    uv_timer_init(r->env->loop, &j->timer);
    j->timer.data = j;
    *out = j;
    return 0;
}

void bit_slurm_job_acquire(struct bit_slurm_job *j)
{
    j->wanted = true;
    j->ready = false;
    again_in(j, 0);
}

void bit_slurm_job_pause(struct bit_slurm_job *j)
{
    j->wanted = j->ready = false;
    uv_timer_stop(&j->timer);
}

/* A host may report its full name where Slurm has the short one. */
static bool is_same_host(const char *node, const char *host)
{
    size_t bytes = strcspn(node, ".");

    return strcmp(node, host) == 0 || (strcspn(host, ".") == bytes && strncmp(node, host, bytes) == 0);
}

int bit_slurm_job_lose(struct bit_slurm_job *j, const char *host)
{
    for (size_t i = 0; i < j->nodes.count; i++)
        if (is_same_host(j->nodes.name[i], host))
            return bit_hosts_have(&j->lost, j->nodes.name[i]) ? 0 : bit_hosts_add(&j->lost, j->nodes.name[i]);
    return bit_fail(-ENOENT, "%s is no node of Slurm job %" PRIu64, host, bit_slurm_job_number(j));
}

void bit_slurm_job_forgive(struct bit_slurm_job *j)
{
    bit_hosts_finish(&j->lost);
}

int bit_slurm_job_place(const struct bit_slurm_job *j, struct bit_places *out)
{
    return bit_places_choose(&j->nodes, &j->lost, j->runner->run.spec, out);
}

static void on_cancelled(void *arg, const struct bit_child_output *r)
{
    if (!bit_child_output_ok(r)) {
        char text[BIT_ERR_TEXT_MAX];
        bit_child_output_explain(r, "scancel", text, sizeof text);
        bit_info("scancel", "text=%s", text);
    }
}

/* A running job is told to end by a signal. A waiting one is cancelled, and a suspended one, which takes no signal. */
static void scancel(const struct bit_env *env, uint64_t number, const char *how, const char *how_else)
{
    struct bit_argv argv = {0};

    if (bit_slurm_commands_scancel(env->config, number, how, how_else, &argv) == 0)
        bit_child_run(env->loop, argv.item, COMMAND_MS, on_cancelled, NULL);
    bit_argv_finish(&argv);
}

void bit_slurm_job_release(struct bit_slurm_job *j)
{
    if (j == NULL)
        return;
    uint64_t number = is_submitted(j) ? j->runner->run.slurm.job : 0;
    if (number != 0) {
        scancel(j->runner->env, number, "--state=PENDING", NULL);
        scancel(j->runner->env, number, "--state=SUSPENDED", NULL);
        scancel(j->runner->env, number, "--batch", "--signal=USR2");
        note_state(j, 0, "RELEASED", "not needed any more");
    }
    destroy(j);
}

void bit_slurm_job_leave(struct bit_slurm_job *j)
{
    if (j != NULL)
        destroy(j);
}
