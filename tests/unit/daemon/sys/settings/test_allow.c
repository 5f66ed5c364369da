/* The table of daemon/sys/settings/allow.h. */
#include "daemon/sys/settings/allow.h"

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

static struct bit_config config;
static struct bit_problems problems;

static void set(const char *srun, const char *sbatch, const char *env)
{
    config = (struct bit_config){.file = "/etc/bitd.conf"};
    EXPECT_EQ(bit_config_set(&config, "allow_srun_arg", srun), 0);
    EXPECT_EQ(bit_config_set(&config, "allow_sbatch_arg", sbatch), 0);
    EXPECT_EQ(bit_config_set(&config, "allow_env", env), 0);
}

/* The text of the first problem; "" if there is none. */
static const char *ask(bool own, const char *srun, const char *sbatch, const char *env)
{
    char *srun_arg[] = {bit_lend(srun)}, *sbatch_arg[] = {bit_lend(sbatch)};
    char *pair[] = {bit_lend(env)};
    Bit__RunSpec spec = BIT__RUN_SPEC__INIT;
    Bit__LaunchSpec launch = BIT__LAUNCH_SPEC__INIT;
    Bit__SlurmSpec slurm = BIT__SLURM_SPEC__INIT;

    spec.launch = &launch;
    launch.slurm = &slurm;
    slurm.n_srun_arg = srun != NULL;
    slurm.srun_arg = srun_arg;
    slurm.n_sbatch_arg = sbatch != NULL;
    slurm.sbatch_arg = sbatch_arg;
    slurm.n_env = env != NULL;
    slurm.env = pair;
    problems = (struct bit_problems){0};
    int err = bit_allow_check(&config, &spec, own, &problems);
    EXPECT_EQ(err, problems.count > 0 ? BIT_ESPEC : 0);
    EXPECT_EQ(bit_allow_launch(&config, &spec, own), own ? 0 : err);
    return problems.count > 0 ? problems.item[0].text : "";
}

TEST(nobody_else_passes_anything_unless_it_is_named)
{
    set("", "", "");
    EXPECT_CONTAINS(ask(false, "--nice=5", NULL, NULL), "allow_srun_arg in /etc/bitd.conf");
    EXPECT_STREQ(problems.item[0].field, "launch.slurm.srun_arg[0]");
    EXPECT_CONTAINS(ask(false, NULL, "--nice=5", NULL), "allow_sbatch_arg");
    EXPECT_CONTAINS(ask(false, NULL, NULL, "NCCL_DEBUG=INFO"), "allow_env");
    EXPECT_STREQ(ask(false, NULL, NULL, NULL), "");
    ask(false, "--nice=5", "--mem=0", "NCCL_DEBUG=INFO");
    EXPECT_EQ(problems.count, 3);
}

TEST(what_is_named_passes)
{
    set("--nice=5, --constraint", "--mem", "NCCL_DEBUG=INFO NCCL_IB_*");
    EXPECT_STREQ(ask(false, "--nice=5", "--mem=0", "NCCL_DEBUG=INFO"), "");
    EXPECT_STREQ(ask(false, "--constraint=h100", NULL, "NCCL_IB_HCA=mlx5"), "");
    EXPECT_CONTAINS(ask(false, "--nice=50", NULL, NULL), "may not be passed");
    EXPECT_CONTAINS(ask(false, "--nice", NULL, NULL), "may not be passed");
    EXPECT_CONTAINS(ask(false, NULL, "--mem-per-cpu=1", NULL), "may not be passed");
    EXPECT_CONTAINS(ask(false, NULL, NULL, "NCCL_DEBUG=TRACE"), "may not be set");
    EXPECT_CONTAINS(ask(false, NULL, NULL, "NCCL_IBEXT_DISABLE=1"), "may not be set");
}

TEST(a_plugins_option_passes_where_it_is_named)
{
    set("", "", "");
    EXPECT_CONTAINS(ask(true, "--container-image=x", NULL, NULL), "no option of srun that bitd knows");
    EXPECT_CONTAINS(ask(true, "--constrain7=x", NULL, NULL), "did you mean --constraint");
    set("--container-image", "", "");
    EXPECT_STREQ(ask(true, "--container-image=x", NULL, NULL), "");
    EXPECT_STREQ(ask(false, "--container-image=x", NULL, NULL), "");
}

TEST(the_owner_keeps_his_environment)
{
    set("", "", "");
    EXPECT_STREQ(ask(true, "--nice=5", "--mem=0", "LD_LIBRARY_PATH=/opt/lib"), "");
    EXPECT_STREQ(ask(true, NULL, NULL, "PATH=/opt/bin"), "");
    EXPECT_CONTAINS(ask(true, "--prolog=/x", NULL, NULL), "runs a program");
    EXPECT_CONTAINS(ask(true, "-v", NULL, NULL), "short option");
}

TEST(some_variables_never_pass_for_others)
{
    static const char *const names[] = {
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "PATH",
        "OMPI_MCA_mca_base_component_path",
        "PMIX_MCA_x",
        "PMI_RANK",
        "SLURM_TASK_PROLOG",
        "SLURM_EXPORT_ENV",
        "SLURMD_DEBUG",
        "SBATCH_EXPORT",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "BASHOPTS",
        "ENV",
        "GLIBC_TUNABLES",
        "GCONV_PATH",
        "LOCPATH",
        "NLSPATH",
        "NCCL_NET_PLUGIN",
        "NCCL_TUNER_PLUGIN",
        "NCCL_PROFILER_PLUGIN",
        "NCCL_CONF_FILE",
        "NCCL_DEBUG_FILE",
        "NCCL_TOPO_DUMP_FILE",
        "NCCL_GRAPH_FILE",
        "UCX_MODULE_DIR",
        "UCX_LOG_FILE",
        "CUDA_INJECTION64_PATH",
        "NVTX_INJECTION64_PATH",
        "CUDA_CACHE_PATH",
        "OMP_TOOL_LIBRARIES",
        "FI_PROVIDER_PATH",
        "HWLOC_PLUGINS_PATH",
        "RDMAV_DRIVERS",
        "OPENSSL_CONF",
        "SSLKEYLOGFILE",
        "TMPDIR",
        "HOME",
        "XDG_RUNTIME_DIR",
        "BITD_LINK",
        "NOTIFY_SOCKET",
        "ASAN_OPTIONS",
        "LD_FUTURE",
        "CUBLAS_LOGDEST_DBG",
        "CUBLASLT_LOG_FILE",
        "PSM2_CUDA",
        "MPIR_CVAR_X",
        "MALLOC_TRACE",
        "HOSTALIASES",
        "RES_OPTIONS",
        "IFS",
        "PS4",
        "https_proxy",
        "VENDOR_PLUGIN_X",
        "SOME_LIBRARY",
    };

    set("", "", "");
    for (size_t i = 0; i < BIT_COUNT(names); i++) {
        char pair[96];
        snprintf(pair, sizeof pair, "%s=x", names[i]);
        if (!EXPECT(bit_allow_is_never(names[i])) ||
            !EXPECT_CONTAINS(ask(false, NULL, NULL, pair), "only for bitd's own user"))
            fprintf(stderr, "    %s\n", names[i]);
        EXPECT_EQ(bit_config_set(&config, "allow_env", names[i]), BIT_EUSAGE);
    }
    set("", "", "L* N* P*"); /* a prefix never allows one of the names above */
    EXPECT_CONTAINS(ask(false, NULL, NULL, "LD_PRELOAD=/x"), "only for bitd's own user");
    EXPECT_CONTAINS(ask(false, NULL, NULL, "NCCL_NET_PLUGIN=/x"), "only for bitd's own user");
    EXPECT_STREQ(ask(false, NULL, NULL, "NCCL_DEBUG=INFO"), "");
    EXPECT(!bit_allow_is_never("NCCL_SOCKET_IFNAME") && !bit_allow_is_never("NCCL_IB_HCA"));
    EXPECT(!bit_allow_is_never("CUDA_DEVICE_MAX_CONNECTIONS") && !bit_allow_is_never("OMP_PROC_BIND"));
}

static void expect_setting_refused(const char *key, const char *list, const char *says)
{
    config = (struct bit_config){0};
    EXPECT_EQ(bit_config_set(&config, key, list), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), key);
    EXPECT_CONTAINS(bit_fail_text(), says);
}

TEST(a_setting_that_would_open_a_door_is_refused)
{
    expect_setting_refused("allow_srun_arg", "--nice --prolog", "runs a program");
    expect_setting_refused("allow_srun_arg", "-o", "short option");
    expect_setting_refused("allow_srun_arg", "--outp", "abbreviation");
    expect_setting_refused("allow_sbatch_arg", "--wrap=true", "runs a program");
    expect_setting_refused("allow_sbatch_arg", "nice", "no option");
    expect_setting_refused("allow_env", "NCCL_DEBUG LD_PRELOAD=/x.so", "only for bitd's own user");
    expect_setting_refused("allow_env", "LD_*", "only for bitd's own user");
    expect_setting_refused("allow_env", "*", "not the only one");
    expect_setting_refused("allow_env", "NCCL_*_HCA", "the last character of a name");
    expect_setting_refused("allow_env", "1X", "no variable's name");
}

TEST_MAIN
