/* bitd: flags, then the daemon until it is told to stop. */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/sys/config.h"
#include "daemon/sys/log_file.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/timeslice.h"
#include "proto/wire/secret.h"
#include <config.h> /* the build's: with quotes it would be ours */

BIT_LOG_TOPIC("main");

static const char help[] =
    "bitd coordinates training runs: it owns their schedule, their data order and their journal, starts their\n"
    "workers, and broadcasts the switch from 16-bit to ternary training. bitctl talks to it.\n"
    "\n"
    "usage: bitd [options]\n"
    "\n"
    "  --state DIR          where runs live             ($XDG_STATE_HOME/bitd, or ~/.local/state/bitd)\n"
    "  --socket PATH        where bitctl finds it       ($BITD_SOCKET, or $XDG_RUNTIME_DIR/bitd.sock)\n"
    "                       besides DIR/bitd.sock, which there always is\n"
    "  --config FILE        settings, one \"key = value\" a line; flags go before the file\n"
    "  --slots N            runs that train at once     (1)\n"
    "  --group GROUP        users of GROUP may submit and read too  (the owner alone)\n"
    "  --worker PATH        the bitworker to start      (beside bitd, else from PATH)\n"
    "  --set KEY=VALUE      any setting of the file\n"
    "  --log FILE           append the log to FILE, opened again at SIGHUP  (stderr)\n"
    "  --log-level LEVEL    error, warn, info, debug    (info)\n"
    "  --run SPEC           train SPEC and no other run of DIR, and end with its exit code; a run of SPEC that is\n"
    "                       unfinished or failed goes on, one that is completed is not trained again, and one\n"
    "                       that cannot be launched here is left (105)\n"
    "  --holds SPEC         end with 0 if DIR has a run of SPEC, else with 1\n"
    "  --requeue            in a Slurm job that ends before its runs do (SIGUSR1, SIGTERM): requeue it\n"
    "  --foreground         do not detach; it never does, and this says so\n"
    "  --version, --help\n"
    "\n"
    "settings of the file: state socket listen advertise link group admin_group worker mpirun slurm\n"
    "allow_srun_arg allow_sbatch_arg allow_env log log_level slots runs_per_user lookahead stall_factor, and in\n"
    "seconds: start_timeout launch_patience restart_delay_max reconnect_timeout heartbeat_timeout stall_timeout\n"
    "long_timeout fence_timeout kill_grace checkpoint_retry read_patience shutdown_timeout plan_timeout slurm_poll\n"
    "client_timeout\n"
    "\n"
    "SIGTERM and SIGUSR1 take a last checkpoint of what trains and end bitd; those runs go on when it is back. If it\n"
    "is killed instead, they train on and wait for it. SIGHUP reads the log level from the file again, and\n"
    "opens the log again, which may have been renamed.\n"
    "\n"
    "exit codes: the run's with --run, else 0 stopped as asked, 2 usage, 70 internal, 75 another bitd has the state "
    "folder or the socket,\n"
    "78 configuration.\n"
    "\n"
    "  bitd --state /tmp/try --log /tmp/try.log &\n"
    "  bitctl submit --state /tmp/try --follow run.txtpb\n";

enum flag {
    STATE = 256,
    SOCKET,
    CONFIG,
    SLOTS,
    GROUP,
    WORKER,
    SET,
    LOG_FILE,
    LOG_LEVEL,
    FOREGROUND,
    RUN,
    HOLDS,
    REQUEUE,
    VERSION,
    HELP
};

static const struct option options[] = {
    {"state", required_argument, NULL, STATE},
    {"socket", required_argument, NULL, SOCKET},
    {"config", required_argument, NULL, CONFIG},
    {"slots", required_argument, NULL, SLOTS},
    {"group", required_argument, NULL, GROUP},
    {"worker", required_argument, NULL, WORKER},
    {"set", required_argument, NULL, SET},
    {"log", required_argument, NULL, LOG_FILE},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"foreground", no_argument, NULL, FOREGROUND},
    {"run", required_argument, NULL, RUN},
    {"holds", required_argument, NULL, HOLDS},
    {"requeue", no_argument, NULL, REQUEUE},
    {"version", no_argument, NULL, VERSION},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static int set_pair(struct bit_config *c, char *pair)
{
    char *equals = strchr(pair, '=');

    if (equals == NULL)
        return bit_fail(BIT_EUSAGE, "--set %s: expected KEY=VALUE", pair);
    *equals = '\0';
    return bit_config_set(c, pair, equals + 1);
}

/* A unit can tell a file that will not do (78) from a command line. */
static int load_file(struct bit_config *c)
{
    if (bit_config_load(c, optarg) == 0)
        return 0;
    bit_fail_print("bitd");
    exit(BIT_EXIT_CONFIG);
}

static const char *holds; /* --holds; NULL: not asked */

/* 0 to go on, 1 to end well, < 0. The file is read in a first pass, so that flags go over it wherever they stand. */
static int take_flag(struct bit_config *c, int flag, bool file_pass)
{
    if (flag == HELP || flag == VERSION) {
        fputs(flag == HELP ? help : "bitd " BIT_VERSION " (" BIT_COMMIT ")\n", stdout);
        return 1;
    }
    if (flag == '?')
        return bit_fail(BIT_EUSAGE, "bitd --help lists the options");
    if (file_pass)
        return flag == CONFIG ? load_file(c) : 0;
    switch (flag) {
    case STATE:
        return bit_config_set(c, "state", optarg);
    case SOCKET:
        return bit_config_set(c, "socket", optarg);
    case SLOTS:
        return bit_config_set(c, "slots", optarg);
    case GROUP:
        return bit_config_set(c, "group", optarg);
    case WORKER:
        return bit_config_set(c, "worker", optarg);
    case LOG_FILE:
        return bit_config_set(c, "log", optarg);
    case LOG_LEVEL:
        return bit_config_set(c, "log_level", optarg);
    case SET:
        return set_pair(c, optarg);
    case RUN:
        snprintf(c->run, sizeof c->run, "%s", optarg);
        return strlen(optarg) < sizeof c->run ? 0 : bit_fail(BIT_EUSAGE, "--run: a path that long");
    case HOLDS:
        holds = optarg;
        return 0;
    case REQUEUE:
        c->requeue = true;
        return 0;
    default:
        return 0;
    }
}

static int parse(struct bit_config *c, int argc, char **argv)
{
    for (int pass = 0; pass < 2; pass++) {
        int flag;
        optind = 1;
        while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
            int err = take_flag(c, flag, pass == 0);
            if (err != 0)
                return err;
        }
        if (optind < argc)
            return bit_fail(BIT_EUSAGE, "%s: bitd takes options only", argv[optind]);
    }
    return bit_config_finish(c);
}

static int terminal = -1; /* where stderr went before there was a log file */

/* Into the log, if there is one by now, and to whoever started it. */
static int complain(int err)
{
    bit_fail_print("bitd");
    if (terminal >= 0 && dup2(terminal, STDERR_FILENO) >= 0)
        bit_fail_print("bitd");
    return bit_exit_code(err);
}

static int open_log(const char *path)
{
    terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    return bit_log_file_open(path);
}

/* What whoever started us had open is no business of what we start. The standard three are replaced in each child. */
static void inherit_nothing(void)
{
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    const int last = (int)BIT_MIN(sysconf(_SC_OPEN_MAX), 65536l);
    for (int fd = STDERR_FILENO + 1; fd < last; fd++) /* a kernel before 5.11, or a filter that knows no such call */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* bitd runs for months, and a megabyte is asked for now and then, by several threads. Thresholds that stay as they are
 * keep that from staying with it: glibc raises them with the first large piece that is freed, and keeps twice as much.
 */
static void give_memory_back(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

int main(int argc, char **argv)
{
    static struct bit_daemon daemon;

    give_memory_back();
    inherit_nothing();
    if (bit_secret_no_core() < 0 || bit_secret_no_dump() < 0) /* secrets of launches are in its memory */
        return complain(-EPERM);
    bit_config_init(&daemon.config);
    int err = parse(&daemon.config, argc, argv);
    if (err != 0)
        return err < 0 ? complain(err) : 0;
    if (holds != NULL) {
        err = bit_own_run_is_in(daemon.config.state, holds);
        return err < 0 ? complain(err) : err == 1 ? BIT_EXIT_OK : BIT_EXIT_FAILURE;
    }
    if (daemon.config.log[0] != '\0' && open_log(daemon.config.log) < 0) {
        bit_fail_print("bitd");
        return BIT_EXIT_CONFIG;
    }
    bit_log_init(daemon.config.log_level);
    bit_timeslice_shorten();
    err = bit_daemon_init(&daemon);
    if (err < 0)
        return complain(err);
    if (terminal >= 0)
        close(terminal);
    bit_daemon_run(&daemon);
    bit_daemon_finish(&daemon);
    bit_info("stopped", "pid=%d exit=%d", getpid(), daemon.exit_code);
    return daemon.exit_code;
}
