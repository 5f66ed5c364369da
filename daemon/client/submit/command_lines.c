#include "daemon/client/submit/command_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/launch/launch.h"
#include "daemon/launch/slurm_commands.h"
#include "daemon/launch/slurm_job.h"
#include "proto/err.h"

static void add_line(const struct bit_argv *command, struct bit_argv *out)
{
    char *line = bit_argv_line(command);

    if (line == NULL)
        out->err = bit_fail(-ENOMEM, "a command line");
    else
        bit_argv_add(out, "%s", line);
    free(line);
}

/* The nodes of the Slurm job around bitd; for a job to be submitted, as many placeholders as it asks for. */
static int find_places(const Bit__RunSpec *spec, struct bit_places *out)
{
    const char *list = getenv("SLURM_JOB_NODELIST");
    struct bit_hosts all = {0}, lost = {0};
    int err = 0;

    if (spec->launch->launcher == BIT__LAUNCHER__SRUN && list != NULL)
        err = bit_hosts_parse(list, &all);
    for (uint32_t i = 0;
         spec->launch->launcher == BIT__LAUNCHER__SBATCH && err == 0 && i < bit_slurm_commands_nodes(spec->launch); i++)
        err = bit_hosts_add(&all, "n");
    if (err == 0)
        err = bit_places_choose(&all, &lost, spec, out);
    if (err == 0 && spec->launch->launcher == BIT__LAUNCHER__SBATCH) {
        free(out->list);
        out->list = strdup("NODES");
        err = out->list == NULL ? bit_fail(-ENOMEM, "a list of nodes") : 0;
    }
    bit_hosts_finish(&all);
    return err;
}

static int add_sbatch(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];
    struct bit_argv command;

    snprintf(folder, sizeof folder, "%s/runs/RUN", config->state);
    int err = bit_slurm_commands_sbatch(config, "RUN", folder, spec, &command);
    if (err == 0)
        add_line(&command, out);
    bit_argv_finish(&command);
    return err;
}

int bit_command_lines_make(const struct bit_config *config, const Bit__RunSpec *spec, struct bit_argv *out)
{
    struct bit_places places = {0};
    struct bit_argv command = {0};
    bool slurm = spec->launch->launcher != BIT__LAUNCHER__MPIRUN;
    bool own = spec->launch->launcher == BIT__LAUNCHER__SRUN;

    *out = (struct bit_argv){0};
    int err = slurm ? find_places(spec, &places) : 0;
    if (err == 0 && slurm && !own)
        err = add_sbatch(config, spec, out);
    const struct bit_launch_args args = {.config = config,
                                         .spec = spec->launch,
                                         .slurm_job = own ? bit_slurm_job_own() : 0,
                                         .places = slurm ? &places : NULL,
                                         .run = "RUN",
                                         .epoch = 1};
    if (err == 0)
        err = bit_launch_command(&args, &command);
    if (err == 0)
        add_line(&command, out);
    bit_argv_finish(&command);
    bit_places_finish(&places);
    return err < 0 ? err : bit_argv_check(out);
}
