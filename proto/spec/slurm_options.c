#include "proto/spec/slurm_options.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"

enum value { NONE, OPTIONAL, REQUIRED };

#define SRUN   BIT_SLURM_SRUN
#define SBATCH BIT_SLURM_SBATCH
#define BOTH   (SRUN | SBATCH)

#define DECIDED     "is decided by bitd"
#define GPUS        "is decided by bitd: every rank sees all GPUs of its node"
#define PROGRAM     "runs a program, or changes which one is run"
#define FILES       "reads or writes a file as bitd's user"
#define IDENTITY    "changes the user or the group that the job is of"
#define ELSEWHERE   "names another job, cluster or set of nodes than bitd has"
#define NOTHING     "starts nothing"
#define SAID(field) "is said by launch." field

/* Source: srun(1) and sbatch(1) of Slurm 22.05 to 25.05; `why` is NULL if users may give the option. */
static const struct option {
    const char *name;
    int tools;
    enum value value;
    const char *why;
} options[] = {
    {"accel-bind", SRUN, REQUIRED, NULL},
    {"acctg-freq", BOTH, REQUIRED, NULL},
    {"account", SBATCH, REQUIRED, SAID("slurm.account")},
    {"account", SRUN, REQUIRED, NULL},
    {"array", SBATCH, REQUIRED, ELSEWHERE},
    {"batch", SBATCH, REQUIRED, NULL},
    {"bb", BOTH, REQUIRED, FILES},
    {"bbf", BOTH, REQUIRED, FILES},
    {"bcast", SRUN, OPTIONAL, PROGRAM},
    {"bcast-exclude", SRUN, REQUIRED, PROGRAM},
    {"begin", BOTH, REQUIRED, NULL},
    {"chdir", BOTH, REQUIRED, DECIDED},
    {"cluster", BOTH, REQUIRED, ELSEWHERE},
    {"cluster-constraint", BOTH, REQUIRED, NULL},
    {"clusters", BOTH, REQUIRED, ELSEWHERE},
    {"comment", BOTH, REQUIRED, NULL},
    {"compress", SRUN, OPTIONAL, PROGRAM},
    {"consolidate-segments", BOTH, NONE, NULL},
    {"constraint", BOTH, REQUIRED, NULL},
    {"container", BOTH, REQUIRED, PROGRAM},
    {"container-id", BOTH, REQUIRED, PROGRAM},
    {"contiguous", BOTH, NONE, NULL},
    {"core-spec", BOTH, REQUIRED, NULL},
    {"cores-per-socket", BOTH, REQUIRED, NULL},
    {"cpu-bind", SRUN, REQUIRED, DECIDED},
    {"cpu-freq", BOTH, REQUIRED, NULL},
    {"cpus-per-gpu", BOTH, REQUIRED, NULL},
    {"cpus-per-task", SBATCH, REQUIRED, SAID("threads")},
    {"cpus-per-task", SRUN, REQUIRED, NULL},
    {"ctrl-comm-ifhn", SRUN, REQUIRED, ELSEWHERE},
    {"deadline", BOTH, REQUIRED, NULL},
    {"debugger-test", SRUN, NONE, NOTHING},
    {"delay-boot", BOTH, REQUIRED, NULL},
    {"dependency", BOTH, REQUIRED, NULL},
    {"disable-status", SRUN, NONE, NULL},
    {"distribution", BOTH, REQUIRED, NULL},
    {"epilog", SRUN, REQUIRED, PROGRAM},
    {"error", BOTH, REQUIRED, DECIDED},
    {"exact", SRUN, NONE, NULL},
    {"exclude", SBATCH, REQUIRED, NULL},
    {"exclude", SRUN, REQUIRED, DECIDED},
    {"exclusive", BOTH, OPTIONAL, NULL},
    {"export", BOTH, REQUIRED, DECIDED},
    {"export-file", SBATCH, REQUIRED, FILES},
    {"external", SRUN, NONE, PROGRAM},
    {"external-launcher", SRUN, NONE, PROGRAM},
    {"extra", BOTH, REQUIRED, NULL},
    {"extra-node-info", BOTH, REQUIRED, NULL},
    {"get-user-env", SBATCH, OPTIONAL, PROGRAM},
    {"gid", BOTH, REQUIRED, IDENTITY},
    {"gpu-bind", BOTH, REQUIRED, GPUS},
    {"gpu-freq", BOTH, REQUIRED, NULL},
    {"gpus", BOTH, REQUIRED, NULL},
    {"gpus-per-node", BOTH, REQUIRED, NULL},
    {"gpus-per-socket", BOTH, REQUIRED, NULL},
    {"gpus-per-task", BOTH, REQUIRED, GPUS},
    {"gres", BOTH, REQUIRED, SAID("slurm.gres")},
    {"gres-flags", BOTH, REQUIRED, NULL},
    {"help", BOTH, NONE, NOTHING},
    {"helpformat", BOTH, NONE, NOTHING},
    {"het-group", SRUN, REQUIRED, ELSEWHERE},
    {"hint", BOTH, REQUIRED, NULL},
    {"hold", BOTH, NONE, NULL},
    {"ignore-pbs", SBATCH, NONE, NULL},
    {"immediate", SRUN, OPTIONAL, NULL},
    {"input", BOTH, REQUIRED, DECIDED},
    {"interactive", BOTH, NONE, PROGRAM},
    {"job-name", BOTH, REQUIRED, DECIDED},
    {"jobid", BOTH, REQUIRED, DECIDED},
    {"kill-on-bad-exit", SRUN, OPTIONAL, DECIDED},
    {"kill-on-invalid-dep", SBATCH, REQUIRED, NULL},
    {"label", SRUN, NONE, NULL},
    {"launch-cmd", SRUN, NONE, NOTHING},
    {"launcher-opts", SRUN, REQUIRED, PROGRAM},
    {"licenses", BOTH, REQUIRED, NULL},
    {"mail-type", BOTH, REQUIRED, NULL},
    {"mail-user", BOTH, REQUIRED, NULL},
    {"mcs-label", BOTH, REQUIRED, NULL},
    {"mem", BOTH, REQUIRED, NULL},
    {"mem-bind", BOTH, REQUIRED, NULL},
    {"mem-per-cpu", BOTH, REQUIRED, NULL},
    {"mem-per-gpu", BOTH, REQUIRED, NULL},
    {"mincpus", BOTH, REQUIRED, NULL},
    {"mpi", SRUN, REQUIRED, DECIDED},
    {"mpi-combine", SRUN, REQUIRED, DECIDED},
    {"msg-timeout", SRUN, REQUIRED, NULL},
    {"multi-prog", SRUN, NONE, PROGRAM},
    {"network", BOTH, REQUIRED, NULL},
    {"nice", BOTH, OPTIONAL, NULL},
    {"no-allocate", SRUN, NONE, IDENTITY},
    {"no-kill", BOTH, OPTIONAL, DECIDED},
    {"no-requeue", SBATCH, NONE, DECIDED},
    {"nodefile", BOTH, REQUIRED, FILES},
    {"nodelist", BOTH, REQUIRED, DECIDED},
    {"nodes", BOTH, REQUIRED, SAID("slurm.nodes, and otherwise decided by bitd")},
    {"ntasks", BOTH, REQUIRED, SAID("ranks, and otherwise decided by bitd")},
    {"ntasks-per-core", BOTH, REQUIRED, NULL},
    {"ntasks-per-gpu", BOTH, REQUIRED, GPUS},
    {"ntasks-per-node", BOTH, REQUIRED, SAID("slurm.ranks_per_node")},
    {"ntasks-per-socket", BOTH, REQUIRED, NULL},
    {"oom-kill-step", BOTH, OPTIONAL, NULL},
    {"open-mode", BOTH, REQUIRED, DECIDED},
    {"output", BOTH, REQUIRED, DECIDED},
    {"overcommit", SBATCH, NONE, NULL},
    {"overcommit", SRUN, NONE, DECIDED},
    {"overlap", SRUN, NONE, DECIDED},
    {"oversubscribe", BOTH, NONE, NULL},
    {"pack-group", SRUN, REQUIRED, ELSEWHERE},
    {"parsable", SBATCH, NONE, DECIDED},
    {"partition", SBATCH, REQUIRED, SAID("slurm.partition")},
    {"partition", SRUN, REQUIRED, NULL},
    {"power", BOTH, REQUIRED, NULL},
    {"prefer", BOTH, REQUIRED, NULL},
    {"preserve-env", SRUN, NONE, NULL},
    {"priority", BOTH, REQUIRED, NULL},
    {"profile", BOTH, REQUIRED, NULL},
    {"prolog", SRUN, REQUIRED, PROGRAM},
    {"propagate", BOTH, OPTIONAL, NULL},
    {"pty", SRUN, OPTIONAL, DECIDED},
    {"qos", SBATCH, REQUIRED, SAID("slurm.qos")},
    {"qos", SRUN, REQUIRED, NULL},
    {"quiet", BOTH, NONE, NULL},
    {"quit-on-interrupt", SRUN, NONE, NULL},
    {"reboot", BOTH, NONE, NULL},
    {"relative", SRUN, REQUIRED, DECIDED},
    {"requeue", SBATCH, NONE, DECIDED},
    {"reservation", BOTH, REQUIRED, NULL},
    {"resv-ports", SRUN, OPTIONAL, NULL},
    {"segment", BOTH, REQUIRED, NULL},
    {"send-libs", SRUN, OPTIONAL, PROGRAM},
    {"share", BOTH, NONE, NULL},
    {"signal", BOTH, REQUIRED, NULL},
    {"slurmd-debug", SRUN, REQUIRED, NULL},
    {"sockets-per-node", BOTH, REQUIRED, NULL},
    {"spread-job", BOTH, NONE, NULL},
    {"spread-segments", BOTH, NONE, NULL},
    {"stepmgr", BOTH, NONE, NULL},
    {"switches", BOTH, REQUIRED, NULL},
    {"task-epilog", SRUN, REQUIRED, PROGRAM},
    {"task-prolog", SRUN, REQUIRED, PROGRAM},
    {"test-only", BOTH, NONE, NOTHING},
    {"thread-spec", BOTH, REQUIRED, NULL},
    {"threads", SRUN, REQUIRED, NULL},
    {"threads-per-core", BOTH, REQUIRED, NULL},
    {"time", SBATCH, REQUIRED, SAID("slurm.time_limit")},
    {"time", SRUN, REQUIRED, NULL},
    {"time-min", BOTH, REQUIRED, NULL},
    {"tmp", BOTH, REQUIRED, NULL},
    {"tree-width", SRUN, REQUIRED, NULL},
    {"tres-bind", BOTH, REQUIRED, GPUS},
    {"tres-per-job", BOTH, REQUIRED, NULL},
    {"tres-per-node", BOTH, REQUIRED, NULL},
    {"tres-per-socket", BOTH, REQUIRED, NULL},
    {"tres-per-task", BOTH, REQUIRED, GPUS},
    {"uid", BOTH, REQUIRED, IDENTITY},
    {"unbuffered", SRUN, NONE, NULL},
    {"usage", BOTH, NONE, NOTHING},
    {"use-min-nodes", BOTH, NONE, NULL},
    {"verbose", BOTH, NONE, NULL},
    {"version", BOTH, NONE, NOTHING},
    {"wait", SBATCH, NONE, DECIDED},
    {"wait", SRUN, REQUIRED, NULL},
    {"wait-all-nodes", SBATCH, REQUIRED, NULL},
    {"wait-for-children", SRUN, NONE, NULL},
    {"wckey", BOTH, REQUIRED, NULL},
    {"workdir", BOTH, REQUIRED, DECIDED},
    {"wrap", SBATCH, REQUIRED, PROGRAM},
    {"x11", BOTH, OPTIONAL, PROGRAM},
};

const char *bit_slurm_tool_name(enum bit_slurm_tool tool)
{
    return tool == SRUN ? "srun" : "sbatch";
}

/* The option of that name. If there is none, *whole is the first option of which the name is a prefix. */
static const struct option *find(enum bit_slurm_tool tool, const char *name, size_t bytes, const struct option **whole)
{
    *whole = NULL;
    for (size_t i = 0; i < BIT_COUNT(options); i++) {
        const struct option *o = &options[i];
        if ((o->tools & (int)tool) == 0 || strncmp(o->name, name, bytes) != 0)
            continue;
        if (o->name[bytes] == '\0')
            return o;
        if (*whole == NULL)
            *whole = o;
    }
    return NULL;
}

static int check_form(const char *name, size_t bytes)
{
    if (bytes < 2 || name[0] != '-')
        return bit_fail(BIT_ESPEC, "'%.64s' is no option: each argument is one, with its value after '='", name);
    if (name[1] != '-')
        return bit_fail(BIT_ESPEC, "'%.64s' is a short option: write out the long one, --NAME or --NAME=VALUE", name);
    for (size_t i = 2; i < bytes; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && name[i] != '-')
            bytes = 2;
    return bytes > 2 ? 0 : bit_fail(BIT_ESPEC, "'%.64s' is no option: --NAME or --NAME=VALUE", name);
}

int bit_slurm_option_name(enum bit_slurm_tool tool, const char *name, size_t bytes)
{
    const struct option *o, *whole;
    int err = check_form(name, bytes);

    if (err < 0)
        return err;
    o = find(tool, name + 2, bytes - 2, &whole);
    if (o != NULL && o->why != NULL)
        return bit_fail(BIT_ESPEC, "--%s %s", o->name, o->why);
    if (o == NULL && whole != NULL)
        return bit_fail(BIT_ESPEC, "'%.*s' is an abbreviation that %s would take for --%s: write it out",
                        (int)BIT_MIN(bytes, (size_t)64), name, bit_slurm_tool_name(tool), whole->name);
    return o != NULL ? 0 : BIT_SLURM_UNKNOWN;
}

int bit_slurm_option_check(enum bit_slurm_tool tool, const char *arg)
{
    const size_t bytes = strcspn(arg, "=");
    const struct option *o, *whole;
    int err = bit_slurm_option_name(tool, arg, bytes);

    if (err != 0)
        return err;
    o = find(tool, arg + 2, bytes - 2, &whole);
    if (o->value == REQUIRED && (arg[bytes] == '\0' || arg[bytes + 1] == '\0'))
        return bit_fail(BIT_ESPEC, "--%s has a value: --%s=VALUE, in one argument", o->name, o->name);
    if (o->value == NONE && arg[bytes] == '=')
        return bit_fail(BIT_ESPEC, "--%s has no value", o->name);
    return 0;
}

const char *bit_slurm_option_nearest(enum bit_slurm_tool tool, const char *name, size_t bytes)
{
    struct bit_nearest nearest;

    if (bytes <= 2)
        return NULL;
    bit_nearest_init(&nearest, name + 2, bytes - 2);
    for (size_t i = 0; i < BIT_COUNT(options); i++)
        if ((options[i].tools & (int)tool) != 0 && options[i].why == NULL)
            bit_nearest_offer(&nearest, options[i].name);
    return bit_nearest_name(&nearest);
}
