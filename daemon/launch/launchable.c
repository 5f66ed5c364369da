#include "daemon/launch/launchable.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/launch/places.h"
#include "daemon/launch/slurm_job.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Like execvp(3): a name without a slash is searched for in the folders of PATH. */
static bool is_in_path(const char *name)
{
    char path[2 * BIT_CONFIG_PATH_MAX];
    const char *folder = getenv("PATH");

    for (; folder != NULL; folder = *folder == ':' ? folder + 1 : NULL) {
        const size_t bytes = strcspn(folder, ":");
        snprintf(path, sizeof path, "%.*s%s%s", (int)BIT_MIN(bytes, sizeof path - 1), folder, bytes ? "/" : "./", name);
        if (is_program(path))
            return true;
        folder += bytes;
    }
    return false;
}

static bool is_there(const char *program)
{
    return strchr(program, '/') != NULL ? is_program(program) : is_in_path(program);
}

static int check_slurm_tool(const struct bit_config *config, const char *name)
{
    char path[BIT_CONFIG_PATH_MAX + 32];

    snprintf(path, sizeof path, "%s%s%s", config->slurm, config->slurm[0] ? "/" : "", name);
    if (is_there(path))
        return 0;
    return bit_fail(BIT_EUSAGE, "%s: not found; the setting slurm names the folder of Slurm's commands", path);
}

/* The nodes that bitd's own job had at its start. Nodes lost since then are handled at the launch. */
static int check_own_nodes(const Bit__RunSpec *spec)
{
    const char *list = getenv("SLURM_JOB_NODELIST");
    struct bit_hosts all = {0}, none = {0};
    struct bit_places places = {0};
    char why[BIT_ERR_TEXT_MAX];
    int err = bit_slurm_job_check_own();

    if (err == 0 && list == NULL)
        err = bit_fail(BIT_EUSAGE, "no SLURM_JOB_NODELIST, and bitd runs in a Slurm job");
    if (err == 0)
        err = bit_hosts_parse(list, &all);
    if (err == 0 && (err = bit_places_choose(&all, &none, spec, &places)) < 0) {
        bit_format(why, sizeof why, "%s", bit_fail_text());
        bit_fail(BIT_EUSAGE, "Slurm job %s is too small: %s", getenv("SLURM_JOB_ID"), why);
    }
    bit_places_finish(&places);
    bit_hosts_finish(&all);
    return err < 0 ? BIT_EUSAGE : 0;
}

/* The driver's control device: NVIDIA's own, WSL's, and that of boards with an integrated GPU. */
static int check_gpu(void)
{
    static const char *const devices[] = {"/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl-gpu", "/dev/nvmap"};

    for (size_t i = 0; i < BIT_COUNT(devices); i++)
        if (access(devices[i], F_OK) == 0)
            return 0;
    return bit_fail(BIT_EUSAGE, "launch.backend is CUDA, and this machine has no GPU (no %s)", devices[0]);
}

static int check_here(const struct bit_config *config, const Bit__LaunchSpec *launch)
{
    if (!is_there(config->mpirun))
        return bit_fail(BIT_EUSAGE, "%s: not found; the setting mpirun names the launcher", config->mpirun);
    if (!is_there(config->worker))
        return bit_fail(BIT_EUSAGE, "%s: not found; the setting worker names the bitworker to start", config->worker);
    return launch->backend == BIT__BACKEND__CUDA ? check_gpu() : 0;
}

int bit_launchable(const struct bit_config *config, const Bit__RunSpec *spec)
{
    static const char *const for_submitting[] = {"sbatch", "squeue", "srun"};
    int err = 0;

    switch (spec->launch->launcher) {
    case BIT__LAUNCHER__SRUN:
        err = check_own_nodes(spec);
        return err < 0 ? err : check_slurm_tool(config, "srun");
    case BIT__LAUNCHER__SBATCH:
        for (size_t i = 0; err == 0 && i < BIT_COUNT(for_submitting); i++)
            err = check_slurm_tool(config, for_submitting[i]);
        return err;
    default:
        return check_here(config, spec->launch);
    }
}
