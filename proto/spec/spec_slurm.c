#include "proto/spec/spec_slurm.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/slurm_options.h"
#include "proto/spec/spec_wrong.h"

/* One element of a gres list: NAME[:TYPE][:COUNT]. */
static uint32_t gpus_of(const char *item, size_t bytes)
{
    const char *end = item + bytes, *last = item;

    if (bytes < 3 || strncmp(item, "gpu", 3) != 0 || (bytes > 3 && item[3] != ':'))
        return 0;
    for (const char *p = item; p < end; p++)
        if (*p == ':')
            last = p + 1;
    size_t digits = strspn(last, "0123456789");
    return digits > 0 && last + digits == end ? (uint32_t)BIT_MIN(strtoul(last, NULL, 10), 65536ul) : 1;
}

uint32_t bit_gres_gpus(const char *gres)
{
    uint32_t gpus = 0;

    for (const char *item = gres; item != NULL && *item != '\0';) {
        size_t bytes = strcspn(item, ",");
        gpus += gpus_of(item, bytes);
        item += bytes + (item[bytes] == ',');
    }
    return gpus;
}

uint32_t bit_slurm_ranks_per_node(const Bit__SlurmSpec *slurm)
{
    return slurm->ranks_per_node > 0 ? slurm->ranks_per_node : bit_gres_gpus(slurm->gres);
}

uint32_t bit_launch_ranks_per_node(const Bit__LaunchSpec *launch)
{
    const Bit__SlurmSpec *slurm = launch->slurm;
    uint32_t each = slurm == NULL ? 0 : bit_slurm_ranks_per_node(slurm);

    if (launch->launcher == BIT__LAUNCHER__MPIRUN)
        return launch->ranks;
    if (each == 0 && slurm != NULL && slurm->nodes > 0)
        each = (launch->ranks + slurm->nodes - 1) / slurm->nodes;
    return BIT_MIN(each, launch->ranks);
}

bool bit_launch_is_on_gpus(const Bit__LaunchSpec *launch)
{
    return launch->backend == BIT__BACKEND__CUDA ||
           (launch->backend != BIT__BACKEND__CPU && launch->slurm != NULL && bit_gres_gpus(launch->slurm->gres) > 0);
}

/* No argument may contain a control character, such as a newline: the job script and the log are read line by line. */
static void check_word(const char *text, const char *field, struct bit_problems *problems)
{
    if (text == NULL)
        return;
    if (text[0] == '\0')
        WRONG(field, "empty");
    else if (strlen(text) > BIT_SLURM_WORD_MAX)
        WRONG(field, "%zu bytes are more than %d", strlen(text), BIT_SLURM_WORD_MAX);
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 127) {
            WRONG(field, "holds a control character");
            return;
        }
}

/* One of the forms "M", "M:S", "H:M:S", "D-H", "D-H:M", "D-H:M:S" of sbatch(1). */
static bool is_time_limit(const char *text)
{
    int colons = 0, dashes = 0;

    for (const char *p = text; *p != '\0'; p++) {
        bool digit = *p >= '0' && *p <= '9', after = p > text && p[-1] >= '0' && p[-1] <= '9';
        if (!digit && (!after || p[1] == '\0' || (*p != ':' && *p != '-') || (*p == '-' && colons > 0)))
            return false;
        colons += *p == ':';
        dashes += *p == '-';
    }
    return text[0] != '\0' && colons <= 2 && dashes <= 1;
}

static void check_list(char *const *item, size_t count, const char *field, struct bit_problems *problems)
{
    char one[64];

    if (count > BIT_SLURM_LIST_MAX)
        WRONG(field, "%zu are more than %d", count, BIT_SLURM_LIST_MAX);
    for (size_t i = 0; i < BIT_MIN(count, (size_t)BIT_SLURM_LIST_MAX); i++) {
        snprintf(one, sizeof one, "%s[%zu]", field, i);
        check_word(item[i], one, problems);
    }
}

static void check_env(const Bit__SlurmSpec *slurm, struct bit_problems *problems)
{
    char one[64];

    for (size_t i = 0; i < BIT_MIN(slurm->n_env, (size_t)BIT_SLURM_LIST_MAX); i++) {
        const char *equals = strchr(slurm->env[i], '=');
        snprintf(one, sizeof one, "launch.slurm.env[%zu]", i);
        if (equals == NULL || equals == slurm->env[i])
            WRONG(one, "'%.64s' is not NAME=VALUE", slurm->env[i]);
        else if (strncmp(slurm->env[i], "BITD_", 5) == 0)
            WRONG(one, "BITD_ variables are bitd's own");
    }
}

/* srun and sbatch refuse a resource without a name only when the job is submitted. */
static void check_gres(const Bit__RunSpec *spec, const char *gres, struct bit_problems *problems)
{
    for (const char *item = gres; item != NULL && *item != '\0';) {
        const size_t bytes = strcspn(item, ",");
        const bool letter = (*item >= 'a' && *item <= 'z') || (*item >= 'A' && *item <= 'Z');
        if (!letter)
            WRONG("launch.slurm.gres", "'%.*s' names no resource: for 8 GPUs of each node, \"gpu:8\"",
                  (int)BIT_MIN(bytes, 64u), item);
        else if (strncmp(item, "gpu", 3) == 0 && (bytes == 3 || item[3] == ':') && gpus_of(item, bytes) == 0 &&
                 spec->launch->backend == BIT__BACKEND__CUDA)
            WRONG("launch.slurm.gres", "'%.*s' asks for no GPU, and launch.backend is CUDA", (int)BIT_MIN(bytes, 64u),
                  item);
        item += bytes + (item[bytes] == ',');
    }
}

static void check_counts(const Bit__RunSpec *spec, const Bit__SlurmSpec *slurm, struct bit_problems *problems)
{
    uint32_t ranks = spec->launch->ranks, each = bit_slurm_ranks_per_node(slurm), gpus = bit_gres_gpus(slurm->gres);

    if (gpus > 0 && slurm->ranks_per_node > gpus)
        WRONG("launch.slurm.ranks_per_node", "%u ranks on a node with %u GPUs: each rank takes one",
              slurm->ranks_per_node, gpus);
    if (slurm->min_ranks > ranks)
        WRONG("launch.slurm.min_ranks", "%u are more than launch.ranks %u", slurm->min_ranks, ranks);
    if (slurm->nodes > 0 && each > 0 && (uint64_t)slurm->nodes * each < ranks)
        WRONG("launch.slurm.nodes", "%u nodes hold %u ranks at %u each; launch.ranks is %u", slurm->nodes,
              slurm->nodes * each, each, ranks);
}

void bit_spec_check_slurm(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const Bit__SlurmSpec *slurm = spec->launch->slurm;

    if (spec->launch->launcher == BIT__LAUNCHER__MPIRUN) {
        if (slurm != NULL)
            WRONG("launch.slurm", "means nothing to launcher MPIRUN; say launcher: SRUN or SBATCH");
        return;
    }
    if (slurm == NULL) {
        WRONG("launch.slurm", "not set");
        return;
    }
    check_word(slurm->partition, "launch.slurm.partition", problems);
    check_word(slurm->account, "launch.slurm.account", problems);
    check_word(slurm->qos, "launch.slurm.qos", problems);
    check_word(slurm->gres, "launch.slurm.gres", problems);
    check_gres(spec, slurm->gres, problems);
    if (slurm->time_limit != NULL && !is_time_limit(slurm->time_limit))
        WRONG("launch.slurm.time_limit", "'%.64s' is none: minutes, or [DAYS-]HOURS:MINUTES:SECONDS",
              slurm->time_limit);
    check_list(slurm->sbatch_arg, slurm->n_sbatch_arg, "launch.slurm.sbatch_arg", problems);
    check_list(slurm->srun_arg, slurm->n_srun_arg, "launch.slurm.srun_arg", problems);
    check_list(slurm->env, slurm->n_env, "launch.slurm.env", problems);
    check_env(slurm, problems);
    check_counts(spec, slurm, problems);
}

static void check_options(enum bit_slurm_tool tool, char *const *item, size_t count, const char *field,
                          struct bit_problems *problems)
{
    char one[64];

    for (size_t i = 0; i < BIT_MIN(count, (size_t)BIT_SLURM_LIST_MAX); i++) {
        snprintf(one, sizeof one, "%s[%zu]", field, i);
        if (bit_slurm_option_check(tool, item[i]) < 0)
            WRONG(one, "%s", bit_fail_text());
    }
}

/* Refuses variables with other characters in their names: shells import functions from such variables. */
static void check_names(char *const *item, size_t count, struct bit_problems *problems)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    char one[64];

    for (size_t i = 0; i < BIT_MIN(count, (size_t)BIT_SLURM_LIST_MAX); i++) {
        size_t bytes = strspn(item[i], letters);
        snprintf(one, sizeof one, "launch.slurm.env[%zu]", i);
        if (strchr(item[i], '=') > item[i] && (item[i][bytes] != '=' || (item[i][0] >= '0' && item[i][0] <= '9')))
            WRONG(one, "'%.64s': a variable's name has letters, digits and '_'", item[i]);
    }
}

int bit_spec_check_slurm_options(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    const Bit__SlurmSpec *slurm = spec->launch != NULL ? spec->launch->slurm : NULL;
    const int before = problems->count;

    if (slurm == NULL)
        return 0;
    check_options(BIT_SLURM_SBATCH, slurm->sbatch_arg, slurm->n_sbatch_arg, "launch.slurm.sbatch_arg", problems);
    check_options(BIT_SLURM_SRUN, slurm->srun_arg, slurm->n_srun_arg, "launch.slurm.srun_arg", problems);
    check_names(slurm->env, slurm->n_env, problems);
    return problems->count > before ? BIT_ESPEC : 0;
}
