#include "daemon/launch/launch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/files/fileio.h"
#include "daemon/sys/processes/proc.h"
#include "proto/check.h"
#include "proto/err.h"

extern char **environ;

struct bit_launch {
    uv_process_t process;         /* if it is a child */
    struct bit_proc_watch *watch; /* if it is not */
    int32_t pid;
    bit_launch_ended *ended;
    void *arg;
};

static bool is_own_variable(const char *pair)
{
    return strncmp(pair, "BITD_", 5) == 0 || strncmp(pair, "OMP_NUM_THREADS=", 16) == 0 ||
           strncmp(pair, "NOTIFY_SOCKET=", 14) == 0 || /* only bitd itself talks to the service manager */
           strncmp(pair, "WATCHDOG_", 9) == 0;
}

uint32_t bit_launch_ranks(const struct bit_launch_args *args)
{
    return args->places != NULL ? args->places->ranks : args->spec->ranks;
}

/* Threads of each rank, if the specification leaves them open: the machine's cores divided by its ranks. In a Slurm job
 * the worker on each node decides itself. */
static void add_threads(const struct bit_launch_args *args, struct bit_argv *out)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t threads = args->spec->threads;

    if (threads == 0 && args->places != NULL)
        return;
    if (threads == 0)
        threads = (uint32_t)BIT_MAX(cores / (long)args->spec->ranks, 1l);
    bit_argv_add(out, "OMP_NUM_THREADS=%u", threads);
    /* With more threads than cores, a thread that spins while it waits would keep the awaited one from running. */
    uint32_t ranks_here = args->places != NULL ? args->places->per_node : args->spec->ranks;
    if ((int64_t)threads * ranks_here > cores && getenv("OMP_WAIT_POLICY") == NULL)
        bit_argv_add(out, "OMP_WAIT_POLICY=passive");
}

static void add_slurm(const struct bit_launch_args *args, struct bit_argv *out)
{
    bit_argv_add(out, "BITD_TOLD=1");
    if (getenv("NCCL_DEBUG") == NULL)
        bit_argv_add(out, "NCCL_DEBUG=WARN"); /* only its errors, in the log */
    /*
     * Open MPI 4.1 starts to send when PMIx reports that every rank has left MPI_Init. Slurm's default fence (MIXED: a
     * tree if no data is exchanged) reports this to each node at once, seen with 22.05.8; a rank that is still in
     * MPI_Init then gets a message that it has no handler for yet, and jumps to address 0: in 6 of 500 starts on three
     * nodes. The ring fence reports nothing before the last rank came: 0 of 500.
     */
    if (getenv("SLURM_PMIX_FENCE") == NULL)
        bit_argv_add(out, "SLURM_PMIX_FENCE=ring");
    for (size_t i = 0; i < args->spec->slurm->n_env; i++)
        bit_argv_set(out, args->spec->slurm->env[i]);
}

/* bitd's own environment, with the job's variables replacing any of the same name. */
static int make_environment(const struct bit_launch_args *args, struct bit_argv *out)
{
    for (char **p = environ; *p != NULL; p++)
        if (!is_own_variable(*p))
            bit_argv_add(out, "%s", *p);
    bit_argv_add(out, "BITD_LINK=%s", args->link);
    bit_argv_add(out, "BITD_OWNER=%s", args->owner);
    bit_argv_add(out, "BITD_RUN=%s", args->run);
    bit_argv_add(out, "BITD_SECRET_FILE=%s", args->secret);
    bit_argv_add(out, "BITD_EPOCH=%" PRIu64, args->epoch);
    /* mpirun 4.1 may think that a rank that has called MPI_Finalize left early; only WorkerDone counts. */
    bit_argv_add(out, "OMPI_MCA_orte_allowed_exit_without_sync=1");
    /* Ranks end at once when they are told to; without this mpirun would sleep for a second before it looks. */
    bit_argv_add(out, "OMPI_MCA_odls_base_sigkill_timeout=0");
    add_threads(args, out);
    if (args->places != NULL)
        add_slurm(args, out);
    return bit_argv_check(out);
}

int bit_launch_command(const struct bit_launch_args *args, struct bit_argv *out)
{
    *out = (struct bit_argv){0};
    if (args->places != NULL)
        bit_launch_srun(args, out);
    else
        bit_launch_mpirun(args, out);
    return bit_argv_check(out);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct bit_launch *l = process->data;

    l->ended(l->arg, status, signal);
}

static void on_adopted_end(void *arg)
{
    struct bit_launch *l = arg;

    l->ended(l->arg, -1, 0);
}

static int explain(int err, const struct bit_launch_args *args, const char *program)
{
    if (err == -ENOENT && args->places != NULL)
        return bit_fail(err, "%s: not found; the setting slurm names the folder of Slurm's commands", program);
    return bit_fail(err, "%s: %s", program, uv_strerror(err));
}

static int write_nodes(const struct bit_launch_args *args)
{
    struct bit_hosts hosts;
    char *text = NULL;
    size_t bytes;
    int err = bit_hosts_parse(args->places->list, &hosts);
    FILE *f = err < 0 ? NULL : open_memstream(&text, &bytes);

    for (size_t i = 0; f != NULL && i < hosts.count; i++)
        fprintf(f, "%s\n", hosts.name[i]);
    if (err == 0 && (f == NULL || fclose(f) != 0))
        err = bit_fail(-ENOMEM, "a list of nodes");
    if (err == 0)
        err = bit_file_write(args->nodes, (const uint8_t *)text, bytes);
    free(text);
    bit_hosts_finish(&hosts);
    return err;
}

static int spawn(uv_loop_t *loop, const struct bit_launch_args *args, char **env, int log, struct bit_launch *l)
{
    struct bit_argv argv;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = log}, {.flags = UV_INHERIT_FD, .data.fd = log}};
    int err = bit_launch_command(args, &argv);

    if (err == 0) {
        uv_process_options_t options = {
            .exit_cb = on_exit_status,
            .file = argv.item[0],
            .args = argv.item,
            .env = env,
            .flags = UV_PROCESS_DETACHED, /* setsid */
            .stdio_count = 3,
            .stdio = stdio,
        };
        err = uv_spawn(loop, &l->process, &options);
        if (err < 0)
            explain(err, args, argv.item[0]);
    }
    bit_argv_finish(&argv);
    return err;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int open_log(const char *path, int *out)
{
    *out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return *out < 0 ? bit_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
}

int bit_launch_start(uv_loop_t *loop, const struct bit_launch_args *args, bit_launch_ended *ended, void *arg,
                     struct bit_launch **out)
{
    struct bit_argv env = {0};
    int log = -1;
    struct bit_launch *l = calloc(1, sizeof *l);
    int err = l == NULL ? -ENOMEM : make_environment(args, &env);

    if (err < 0) {
        bit_fail(err, "starting %s", args->run);
        goto out;
    }
    err = open_log(args->log, &log);
    if (err == 0 && bit_launch_needs_file(args))
        err = write_nodes(args);
    if (err < 0)
        goto out;
    l->ended = ended;
    l->arg = arg;
    l->process.data = l;
    err = spawn(loop, args, env.item, log, l);
    l->process.data = l;
    if (err < 0) {
        if (l->process.loop != NULL) { /* the handle was initialised */
            uv_close((uv_handle_t *)&l->process, on_closed);
            l = NULL;
        }
        goto out;
    }
    l->pid = l->process.pid;
    *out = l;
    l = NULL;
out:
    if (log >= 0)
        close(log);
    bit_argv_finish(&env);
    free(l);
    return err;
}

int bit_launch_adopt(uv_loop_t *loop, int32_t pid, uint64_t pid_start, bit_launch_ended *ended, void *arg,
                     struct bit_launch **out)
{
    struct bit_launch *l = calloc(1, sizeof *l);

    if (l == NULL)
        return bit_fail(-ENOMEM, "a launcher");
    *l = (struct bit_launch){.pid = pid, .ended = ended, .arg = arg};
    int err = bit_proc_watch(loop, pid, on_adopted_end, l, &l->watch);
    if (err == 0 && !bit_proc_is(pid, pid_start)) { /* checked once the watch holds the pid */
        bit_proc_unwatch(l->watch);
        err = bit_fail(-ESRCH, "process %d is another one now", pid);
    }
    if (err < 0) {
        free(l);
        return err;
    }
    *out = l;
    return 0;
}

int32_t bit_launch_pid(const struct bit_launch *l)
{
    return l->pid;
}

int bit_launch_signal(const struct bit_launch *l, int signal)
{
    return l->watch != NULL ? bit_proc_signal(l->watch, signal)
                            : uv_process_kill((uv_process_t *)(uintptr_t)&l->process, signal);
}

void bit_launch_destroy(struct bit_launch *l)
{
    if (l == NULL)
        return;
    if (l->watch == NULL) {
        uv_close((uv_handle_t *)&l->process, on_closed);
        return;
    }
    bit_proc_unwatch(l->watch);
    free(l);
}
