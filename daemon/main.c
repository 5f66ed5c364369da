/* bitd: flags, then the daemon until it is told to stop. */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/manual.h"
#include "daemon/sys/files/log_file.h"
#include "daemon/sys/settings/config.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/text/nearest.h"
#include "proto/timeslice.h"
#include "proto/wire/secret.h"
#include <config.h> /* the build's, not one of bitd's folders */

BIT_LOG_TOPIC("main");

static int set_pair(struct bit_config *c, char *pair)
{
    char *equals = strchr(pair, '=');

    if (equals == NULL)
        return bit_fail(BIT_EUSAGE, "--set %s: expected KEY=VALUE", pair);
    *equals = '\0';
    return bit_config_set(c, pair, equals + 1);
}

/* Exits with 78, so that a service unit can tell a bad file from a bad command line. */
static int load_file(struct bit_config *c)
{
    if (bit_config_load(c, optarg) == 0)
        return 0;
    bit_fail_print("bitd");
    exit(BIT_EXIT_CONFIG);
}

static const char *holds; /* the argument of --holds; NULL: not given */

static void print(int flag)
{
    switch (flag) {
    case BIT_FLAG_HELP:
        bit_manual_help(stdout);
        break;
    case BIT_FLAG_MAN:
        strcmp(optarg, "conf") == 0 ? bit_manual_conf(stdout) : bit_manual_bitd(stdout);
        break;
    case BIT_FLAG_SETTINGS:
        bit_manual_settings(stdout);
        break;
    default:
        fputs("bitd " BIT_VERSION " (" BIT_COMMIT ")\n", stdout);
    }
}

/* Returns 0 to continue, 1 to exit with success, < 0 for an error. The file is read in a first pass, so that flags
 * override it wherever they stand. */
static int take_flag(struct bit_config *c, int flag, bool file_pass)
{
    if (flag == BIT_FLAG_HELP || flag == BIT_FLAG_MAN || flag == BIT_FLAG_SETTINGS || flag == BIT_FLAG_VERSION) {
        print(flag);
        return 1;
    }
    if (file_pass)
        return flag == BIT_FLAG_CONFIG ? load_file(c) : 0;
    switch (flag) {
    case BIT_FLAG_STATE:
        return bit_config_set(c, "state", optarg);
    case BIT_FLAG_SOCKET:
        return bit_config_set(c, "socket", optarg);
    case BIT_FLAG_SLOTS:
        return bit_config_set(c, "slots", optarg);
    case BIT_FLAG_GROUP:
        return bit_config_set(c, "group", optarg);
    case BIT_FLAG_WORKER:
        return bit_config_set(c, "worker", optarg);
    case BIT_FLAG_LOG_FILE:
        return bit_config_set(c, "log", optarg);
    case BIT_FLAG_LOG_LEVEL:
        return bit_config_set(c, "log_level", optarg);
    case BIT_FLAG_SET:
        return set_pair(c, optarg);
    case BIT_FLAG_RUN:
        snprintf(c->run, sizeof c->run, "%s", optarg);
        return strlen(optarg) < sizeof c->run ? 0 : bit_fail(BIT_EUSAGE, "--run: a path that long");
    case BIT_FLAG_HOLDS:
        holds = optarg;
        return 0;
    case BIT_FLAG_REQUEUE:
        c->requeue = true;
        return 0;
    default:
        return 0;
    }
}

/* word: what getopt took last, "--sate" or "--requeue=1". */
static int refuse_flag(int flag, const char *word)
{
    const char *names[BIT_FLAG_COUNT + 1] = {NULL};
    char name[64];

    if (flag == ':')
        return bit_fail(BIT_EUSAGE, "%s needs a value", word);
    if (optopt > 0 && optopt < BIT_FLAG_COUNT)
        return bit_fail(BIT_EUSAGE, "--%s takes no value", bit_flags[optopt].name);
    if (optopt >= ' ')
        return bit_fail(BIT_EUSAGE, "there is no -%c; bitd --help lists the options", optopt);
    for (int i = 0; i < BIT_FLAG_COUNT; i++)
        names[i] = bit_flags[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *meant = bit_nearest_find(name + strspn(name, "-"), names);
    return bit_fail(BIT_EUSAGE, "there is no %s%s%s%s", name, meant ? "; did you mean --" : "", meant ? meant : "",
                    meant ? "?" : "; bitd --help lists the options");
}

/* getopt's table, made from bit_flags. */
static void make_options(struct option options[BIT_FLAG_COUNT + 1])
{
    for (int i = 0; i < BIT_FLAG_COUNT; i++)
        options[i] = (struct option){bit_flags[i].name, bit_flags[i].arg ? required_argument : no_argument, NULL, i};
    options[BIT_FLAG_COUNT] = (struct option){0};
}

static int parse(struct bit_config *c, int argc, char **argv)
{
    struct option options[BIT_FLAG_COUNT + 1];

    make_options(options);
    for (int pass = 0; pass < 2; pass++) {
        int flag;
        optind = 1;
        opterr = 0;
        while ((flag = getopt_long(argc, argv, ":", options, NULL)) != -1) {
            int err = flag == '?' || flag == ':' ? refuse_flag(flag, argv[optind - 1]) : take_flag(c, flag, pass == 0);
            if (err != 0)
                return err;
        }
        if (optind < argc)
            return bit_fail(BIT_EUSAGE, "%s: bitd takes options only", argv[optind]);
    }
    return bit_config_finish(c);
}

static int terminal = -1; /* where stderr went before there was a log file */

/* Prints the failure to stderr, which may be the log by now, and to the stderr that bitd was started with. */
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

/* Inherited descriptors must not reach child processes. Descriptors 0 to 2 are replaced in each child. */
static void inherit_nothing(void)
{
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    const int last = (int)BIT_MIN(sysconf(_SC_OPEN_MAX), 65536l);
    for (int fd = STDERR_FILENO + 1; fd < last; fd++) /* before Linux 5.11, or under a syscall filter */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* bitd runs for months, and several threads allocate a megabyte now and then. Setting the thresholds fixes them, so
 * that this memory is returned to the kernel: by default glibc raises them when a large block is freed, and keeps up
 * to twice its size. */
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
    if (bit_secret_no_core() < 0 || bit_secret_no_dump() < 0) /* its memory holds launch secrets */
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
