#include "daemon/sys/settings/allow.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec_slurm.h"

#define BETWEEN  " \t,"
#define WORD_MAX BIT_SLURM_WORD_MAX
#define NEVER    "is passed on only for bitd's own user: it changes what programs load, run, read or write"

/*
 * Variables that decide what is loaded, run, read or written by the programs on the way from bitd to the ranks: the
 * dynamic linker and C library, shells, interpreters, Slurm, Open MPI and PMIx, UCX, libfabric, NCCL, CUDA, OpenMP,
 * sanitizers, and libraries' own settings for files and plugins. The patterns for endings (*PATH, *_FILE, ...) catch
 * variables of programs that are not listed.
 */
static const char *const never[] = {
    /* the linker, the C library, and where it looks for its own files */
    "LD_*",
    "GLIBC_*",
    "GCONV_*",
    "LOCPATH",
    "NLSPATH",
    "MALLOC_*",
    "TZDIR",
    "TZ",
    "LIBC_*",
    "RES_OPTIONS",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "RESOLV_*",
    "NIS_*",
    "GETCONF_*",
    "LANGUAGE",
    "TEXTDOMAIN*",
    "OUTPUT_CHARSET",
    /* user, folders, services */
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "TMP",
    "TEMP",
    "TMPDIR",
    "XDG_*",
    "DBUS_*",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "LISTEN_*",
    "SYSTEMD_*",
    "INVOCATION_ID",
    "BITD_*",
    /* shells and interpreters */
    "BASH*",
    "ENV",
    "SHELLOPTS",
    "IFS",
    "CDPATH",
    "PS[0-9]",
    "PROMPT_COMMAND",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "PYTHON*",
    "PERL*",
    "RUBY*",
    "NODE_*",
    "LUA_*",
    "JAVA_*",
    "_JAVA*",
    "JDK_*",
    "CLASSPATH",
    /* launchers and message passing */
    "SLURM*",
    "SBATCH_*",
    "SRUN_*",
    "SALLOC_*",
    "SQUEUE_*",
    "SCANCEL_*",
    "SPANK_*",
    "_SLURM*",
    "MUNGE_*",
    "OMPI_*",
    "OPAL_*",
    "ORTE_*",
    "PRTE_*",
    "PRRTE_*",
    "MCA_*",
    "PMI*",
    "MPI*",
    "I_MPI_*",
    "HYDRA_*",
    "MV2_*",
    "UCX_*",
    "UCC_*",
    "UCM_*",
    "UCS_*",
    "FI_*",
    "PSM*",
    "HWLOC_*",
    "LIBEV*",
    "EVENT_*",
    "RDMAV_*",
    "IBV_*",
    "MLX*",
    /* GPUs */
    "NCCL_*PLUGIN*",
    "NCCL_*FILE*",
    "NCCL_*XML*",
    "NCCL_*LIB*",
    "NCCL_NET",
    "NCCL_TUNER",
    "NCCL_*SOCKET_ADDR*",
    "NCCL_COMM_ID",
    "NCCL_*HOSTID",
    "NCCL_*CONF*",
    "RCCL_*",
    "CUDA_*INJECTION*",
    "NVTX_*",
    "CUDA_*CACHE*",
    "CUDA_*LOG*",
    "CUDA_*DUMP*",
    "CUDA_*MPS*",
    "CUDA_*DEBUG*",
    "CUDA_ENABLE_*",
    "CUBLAS*LOG*",
    "CUDNN*",
    "NVIDIA_*",
    "NV_*",
    "__*",
    /* threads, sanitizers, profilers, and what writes when a program ends */
    "OMP_TOOL*",
    "KMP_*",
    "GOMP_*",
    "LIBOMP*",
    "*SAN_*",
    "GCOV_*",
    "GMON_*",
    "LLVM_*",
    "VALGRIND*",
    /* libraries */
    "OPENSSL_*",
    "SSL_*",
    "SSLKEY*",
    "KRB5*",
    "GSS*",
    "SASL_*",
    "LDAP*",
    "CURL_*",
    "*_PROXY",
    "*_proxy",
    "DEBUGINFOD_*",
    /* names of files, folders, programs and libraries */
    "*PATH",
    "*PATHS",
    "*PRELOAD*",
    "*PLUGIN*",
    "*INJECT*",
    "*_LIB",
    "*_LIBS",
    "*LIBRARY*",
    "*LIBRARIES*",
    "*MODULE*",
    "*_FILE",
    "*_FILES",
    "*FILENAME*",
    "*_DIR",
    "*_DIRS",
    "*DIRECTORY*",
    "*_CONF",
    "*_CONFIG",
    "*_HOOK*",
    "*_COMMAND",
    "*_CMD",
    "*_LOG",
    "*_LOGFILE",
    "*LOGDEST*",
    "*_DUMP*",
    "*_OPTIONS",
};

bool bit_allow_is_never(const char *name)
{
    for (size_t i = 0; i < BIT_COUNT(never); i++)
        if (fnmatch(never[i], name, 0) == 0)
            return true;
    return false;
}

/* Copies the next word of a list; false after the last. No word is longer than a setting. */
static bool next_word(const char **list, char out[BIT_ALLOW_MAX])
{
    *list += strspn(*list, BETWEEN);
    size_t bytes = strcspn(*list, BETWEEN);
    if (bytes == 0 || bytes >= BIT_ALLOW_MAX)
        return false;
    memcpy(out, *list, bytes);
    out[bytes] = '\0';
    *list += bytes;
    return true;
}

/* ---- the settings */

static int check_option(enum bit_slurm_tool tool, const char *word)
{
    size_t bytes = strcspn(word, "=");
    int err = bit_slurm_option_name(tool, word, bytes);

    if (err == 0 && word[bytes] == '=')
        err = bit_slurm_option_check(tool, word);
    return err < 0 ? bit_fail_within(BIT_EUSAGE, "'%.64s'", word) : 0;
}

int bit_allow_check_options(enum bit_slurm_tool tool, const char *list)
{
    char word[BIT_ALLOW_MAX];
    int err = strlen(list) >= BIT_ALLOW_MAX ? bit_fail(BIT_EUSAGE, "longer than %d bytes", BIT_ALLOW_MAX - 1) : 0;

    while (err == 0 && next_word(&list, word))
        err = check_option(tool, word);
    return err;
}

static int check_variable(char *word)
{
    char *equals = strchr(word, '='), *star = strchr(word, '*');

    if (equals != NULL)
        *equals = '\0';
    if (star != NULL && (star[1] != '\0' || star == word || equals != NULL))
        return bit_fail(BIT_EUSAGE, "'%.64s': a '*' must be the last character of a name, and not the only one", word);
    if (star != NULL)
        *star = '\0';
    for (const char *p = word; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return bit_fail(BIT_EUSAGE, "'%.64s' is no variable's name", word);
    if (word[0] == '\0' || isdigit((unsigned char)word[0]))
        return bit_fail(BIT_EUSAGE, "'%.64s' is no variable's name", word);
    if (bit_allow_is_never(word))
        return bit_fail(BIT_EUSAGE, "%s%s %s", word, star != NULL ? "*" : "", NEVER);
    return 0;
}

int bit_allow_check_variables(const char *list)
{
    char word[BIT_ALLOW_MAX];
    int err = strlen(list) >= BIT_ALLOW_MAX ? bit_fail(BIT_EUSAGE, "longer than %d bytes", BIT_ALLOW_MAX - 1) : 0;

    while (err == 0 && next_word(&list, word))
        err = check_variable(word);
    return err;
}

/* ---- a specification */

/* Whether a word of the list names `item`, which is "NAME" or "NAME=VALUE": the word is equal to it, is its NAME, or is
 * a prefix of it followed by "*". */
static bool is_named(const char *list, const char *item)
{
    char word[BIT_ALLOW_MAX];

    while (next_word(&list, word)) {
        size_t bytes = strlen(word);
        bool begins = word[bytes - 1] == '*' && strncmp(word, item, bytes - 1) == 0;
        if (begins || (strncmp(word, item, bytes) == 0 && (item[bytes] == '\0' || item[bytes] == '=')))
            return true;
    }
    return false;
}

static const char *place_of(const struct bit_config *config)
{
    return config->file[0] != '\0' ? config->file : "bitd's settings";
}

/* How `field` of a specification is checked: against `list`, the value of the setting `key`. */
struct rule {
    const struct bit_config *config;
    const char *field, *key, *list;
    bool own;
    struct bit_problems *problems;
};

static void refuse(const struct rule *r, size_t i, const char *item, const char *why)
{
    char field[64];

    snprintf(field, sizeof field, "launch.slurm.%s[%zu]", r->field, i);
    if (!bit_problems_about(r->problems, field))
        bit_problems_add(r->problems, field, 0, 0, "'%.*s' %s", (int)BIT_MIN(strcspn(item, "="), (size_t)64), item,
                         why);
}

/* Options that the table refuses (known < 0) are reported by bit_spec_check_slurm_options. */
static void check_argument(const struct rule *r, enum bit_slurm_tool tool, size_t i, const char *item)
{
    char why[200];
    const size_t bytes = strcspn(item, "=");
    int known = bit_slurm_option_name(tool, item, bytes);

    if (known < 0 || is_named(r->list, item) || (known == 0 && r->own))
        return;
    const char *near = known == 0 ? NULL : bit_slurm_option_nearest(tool, item, bytes);
    if (near != NULL)
        bit_format(why, sizeof why, "is no option of %s that bitd knows; did you mean --%s?", bit_slurm_tool_name(tool),
                   near);
    else if (known != 0)
        bit_format(why, sizeof why, "is no option of %s that bitd knows, and %s in %.64s does not list it",
                   bit_slurm_tool_name(tool), r->key, place_of(r->config));
    else
        bit_format(why, sizeof why, "may not be passed: bitd runs as another user, and %s in %.64s does not list it",
                   r->key, place_of(r->config));
    refuse(r, i, item, why);
}

static void check_pair(const struct rule *r, size_t i, const char *item)
{
    char name[WORD_MAX + 1], why[200];

    snprintf(name, sizeof name, "%.*s", (int)BIT_MIN(strcspn(item, "="), (size_t)WORD_MAX), item);
    if (r->own)
        return;
    if (bit_allow_is_never(name)) {
        refuse(r, i, item, NEVER);
    } else if (!is_named(r->list, item)) {
        bit_format(why, sizeof why, "may not be set: bitd runs as another user, and %s in %.64s does not list it",
                   r->key, place_of(r->config));
        refuse(r, i, item, why);
    }
}

int bit_allow_check(const struct bit_config *config, const Bit__RunSpec *spec, bool own, struct bit_problems *problems)
{
    const Bit__SlurmSpec *slurm = spec->launch != NULL ? spec->launch->slurm : NULL;
    const int before = problems->count;
    const struct rule sbatch = {config, "sbatch_arg", "allow_sbatch_arg", config->allow_sbatch_arg, own, problems};
    const struct rule srun = {config, "srun_arg", "allow_srun_arg", config->allow_srun_arg, own, problems};
    const struct rule env = {config, "env", "allow_env", config->allow_env, own, problems};

    if (slurm == NULL)
        return 0;
    bit_spec_check_slurm_options(spec, problems);
    for (size_t i = 0; i < BIT_MIN(slurm->n_sbatch_arg, (size_t)BIT_SLURM_LIST_MAX); i++)
        check_argument(&sbatch, BIT_SLURM_SBATCH, i, slurm->sbatch_arg[i]);
    for (size_t i = 0; i < BIT_MIN(slurm->n_srun_arg, (size_t)BIT_SLURM_LIST_MAX); i++)
        check_argument(&srun, BIT_SLURM_SRUN, i, slurm->srun_arg[i]);
    for (size_t i = 0; i < BIT_MIN(slurm->n_env, (size_t)BIT_SLURM_LIST_MAX); i++)
        check_pair(&env, i, slurm->env[i]);
    return problems->count > before ? BIT_ESPEC : 0;
}

int bit_allow_launch(const struct bit_config *config, const Bit__RunSpec *spec, bool own)
{
    struct bit_problems *problems = own ? NULL : calloc(1, sizeof *problems);

    if (own)
        return 0; /* runs of bitd's user keep the rules under which they were accepted */
    if (problems == NULL)
        return bit_fail(-ENOMEM, "a check of what Slurm is asked for");
    int err = bit_allow_check(config, spec, own, problems);
    if (err < 0)
        bit_fail(err, "%s: %s", problems->item[0].field, problems->item[0].text);
    free(problems);
    return err;
}
