#include "daemon/sys/settings/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/settings/allow.h"
#include "daemon/sys/settings/metrics_address.h"
#include "proto/check.h"
#include "proto/dryrun/plan_answer.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/state_folder.h"
#include "proto/text/nearest.h"
#include "proto/utf8.h"

enum kind {
    TEXT,
    COUNT,
    MILLISECONDS,
    LEVEL,
    ADDRESS,
    LINK,
    SRUN_OPTIONS,
    SBATCH_OPTIONS,
    VARIABLES,
    HOOK,
    YES_OR_NO,
    METRICS
};

struct key {
    const char *name;
    const char *help; /* one line or two; also in the manual */
    enum kind kind;
    size_t offset;
    uint64_t least, most; /* TEXT: most is the buffer's size, including the NUL */
    const char *group;    /* the group's title, for the first setting of a group */
    const char *without;  /* describes the default; NULL: the default is the value in bit_config_init */
};

#define AT(member)         offsetof(struct bit_config, member)
#define TEXT_OF(member)    TEXT, AT(member), 0, sizeof((struct bit_config *)0)->member
#define COUNT_OF(member)   COUNT, AT(member)
#define TIME_OF(member)    MILLISECONDS, AT(member)
#define HOOK_OF(which)     HOOK, AT(hook[which]), 0, BIT_HOOK_MAX
#define LIST_OF(k, member) k, AT(member), 0, BIT_ALLOW_MAX

/* Times in the file are in seconds and may have a fraction. */
static const struct key keys[] = {
    {"state", "The folder of the runs.", TEXT_OF(state), "Where it is",
     "$XDG_STATE_HOME/bitd, or ~/.local/state/bitd; absolute, no ~ here"},
    {"socket", "The socket for bitctl, besides STATE/bitd.sock. It is created again if it disappears.", TEXT_OF(socket),
     NULL, "$BITD_SOCKET, or $XDG_RUNTIME_DIR/bitd.sock"},
    {"log", "A file to which the log is appended, reopened at SIGHUP.", TEXT_OF(log), NULL, "stderr"},
    {"log_level", "error, warn, info or debug. SIGHUP reads it again.", LEVEL, AT(log_level), 0, 0},

    {"group", "Users of this group may submit, and read every run.", TEXT_OF(group), "Who may use it",
     "the owner alone"},
    {"admin_group", "Users of this group (and of the one above) may do everything to every run.", TEXT_OF(admin_group),
     NULL, "nobody else"},
    {"runs_per_user", "Runs of one user that have not ended; further submissions are refused until one has.",
     COUNT_OF(runs_per_user), 1, BIT_RUNS_MAX},
    {"clients_per_user",
     "Connections of one user; bitd's user, root and administrators have their own. Beyond this limit and the next "
     "two, bitctl prints the limit and exits with 75.",
     COUNT_OF(clients_per_user), 1, BIT_CLIENTS_MAX},
    {"waits_per_user", "Of them, those that wait for something.", COUNT_OF(waits_per_user), 0, BIT_CLIENTS_MAX},
    {"streams_per_user", "Of them, those that follow events and logs.", COUNT_OF(streams_per_user), 0, BIT_CLIENTS_MAX},
    {"client_timeout", "How long a client may take to finish a request that it has begun, or to read an answer.",
     TIME_OF(client_ms), 100, 600000},

    {"listen",
     "Also take workers over TCP: [HOST:]PORT[-PORT]; HOST is an address, a name of this host or an interface: 4100, "
     "ib0:4100-4199, [fd00::1]:4100. Encrypted.",
     ADDRESS, AT(listen), 0, BIT_ADDRESS_MAX, "Workers on other hosts", "this host alone"},
    {"advertise", "The host to which workers connect.", TEXT_OF(advertise), NULL,
     "the address bound, or this host's name"},
    {"link", "How workers connect: unix, tcp, or auto, which follows the launcher (mpirun: unix).", LINK, AT(link_kind),
     0, 0},

    {"worker", "The bitworker to start.", TEXT_OF(worker), "What it starts", "bitworker beside bitd, else from PATH"},
    {"mpirun", "Open MPI's mpirun, or a wrapper that takes its arguments.", TEXT_OF(mpirun)},
    {"slurm", "The folder of srun, sbatch, squeue and scancel.", TEXT_OF(slurm), NULL, "PATH"},
    {"allow_srun_arg",
     "Options of srun that users other than bitd's own may give in launch.slurm; all others are refused. A list, "
     "separated by spaces or commas: an option alone allows any value, NAME=VALUE only that one, NAME_* every name "
     "that begins so, as in --nice --constraint=h100. Options of Slurm's plugins must be listed for bitd's own user, "
     "too.",
     LIST_OF(SRUN_OPTIONS, allow_srun_arg), NULL, "none"},
    {"allow_sbatch_arg", "The same for sbatch.", LIST_OF(SBATCH_OPTIONS, allow_sbatch_arg), NULL, "none"},
    {"allow_env",
     "The same for variables of the workers, as in NCCL_DEBUG=INFO NCCL_SOCKET_IFNAME NCCL_IB_*. Variables that "
     "change what programs load, run, read or write (LD_*, PATH, SLURM_*, OMPI_*, ...) are refused.",
     LIST_OF(VARIABLES, allow_env), NULL, "none"},
    {"slots", "Runs that train at once; the others queue.", COUNT_OF(slots), 1, 1024},
    {"lookahead", "Step orders sent ahead of the last report; a switch can be moved to any step after these.",
     COUNT_OF(lookahead), 1, 64},

    {"on_end",
     "A program that bitd starts, as its own user, when a run has ended: its full path and its arguments, separated "
     "by spaces; no shell reads them. It has BITD_HOOK, BITD_RUN, BITD_NAME, BITD_RUN_DIR, BITD_EVENT, BITD_STEP, "
     "BITD_RUN_STATE, BITD_EXIT_CODE and BITD_REASON in its environment, and the event on its standard input, as "
     "bitctl events --json prints it. Its output is discarded; a failure is logged once, until it works again. "
     "Training never waits for it.",
     HOOK_OF(BIT_HOOK_END), "Programs that bitd notifies", "none"},
    {"on_checkpoint", "The same when a checkpoint is durable, with BITD_CHECKPOINT, its folder.",
     HOOK_OF(BIT_HOOK_CHECKPOINT), NULL, "none"},
    {"on_switch", "The same when a run has switched, with BITD_PRECISION.", HOOK_OF(BIT_HOOK_SWITCH), NULL, "none"},
    {"on_anomaly",
     "The same after an anomaly (a NaN, a spike, a straggler), with BITD_ANOMALY, its kind, and "
     "BITD_REASON.",
     HOOK_OF(BIT_HOOK_ANOMALY), NULL, "none"},
    {"hook_timeout",
     "Such a program is killed after this time, with all that it started. One that runs when bitd itself ends "
     "continues, and nothing ends it.",
     TIME_OF(hook_ms), 10, 3600000},

    {"metrics",
     "Serve GET /metrics, with the output of bitctl metrics, and GET /healthz: at a Unix socket, whose path begins "
     "with a slash, for those who may use bitd's socket; or at a loopback address, 9105 or [::1]:9105, where every "
     "user of this host can read the numbers, with the names of runs, held-out sets and tasks, but no path and no "
     "user.",
     METRICS, AT(metrics), 0, sizeof((struct bit_config *)0)->metrics, "What monitoring reads", "nowhere"},
    {"metrics_remote", "yes: `metrics` may be an address that other hosts reach; everybody there can read the numbers.",
     YES_OR_NO, AT(metrics_remote), 0, 0},
    {"metrics_keep", "How long an ended run stays in the metrics, so that its last numbers are read.",
     TIME_OF(metrics_keep_ms), 0, 31536000000},

    {"start_timeout", "From a launch until its model is loaded.", TIME_OF(start_ms), 1000, 86400000,
     "Launches and losses"},
    {"launch_patience", "Launches that gain no step are tried again for this time; then the run ends.",
     TIME_OF(launch_patience_ms), 0, 31536000000},
    {"restart_delay_max", "After a loss the next launch waits 1 s, 2 s, 4 s, ..., at most this.",
     TIME_OF(restart_delay_max_ms), 10, 86400000},
    {"heartbeat_timeout", "A connected rank without a heartbeat for this time is lost; it sends five in that time.",
     TIME_OF(heartbeat_ms), 500, 600000},
    {"stall_timeout",
     "A step that takes longer than this, and longer than stall_factor allows, hangs; its ranks are replaced.",
     TIME_OF(stall_ms), 100, 86400000},
    {"stall_factor", "A step may take this many times the 99th percentile of the last 100 steps.",
     COUNT_OF(stall_factor), 2, 1000},
    {"long_timeout", "The same for checkpoints, evaluations, and the first step of a launch or a phase.",
     TIME_OF(long_ms), 100, 86400000},
    {"reconnect_timeout", "How long a living worker may be disconnected from bitd.", TIME_OF(reconnect_ms), 100,
     86400000},
    {"fence_timeout",
     "A rank that has heard nothing from bitd for this time exits; one that has not connected by then is lost.",
     TIME_OF(fence_ms), 1000, 86400000},
    {"kill_grace", "Between SIGTERM and SIGKILL.", TIME_OF(grace_ms), 10, 600000},

    {"checkpoint_retry", "Until a checkpoint that could not be written is tried again.", TIME_OF(checkpoint_retry_ms),
     10, 3600000, "Other times"},
    {"read_patience", "Token files that cannot be read are tried again for this time; then the run ends.",
     TIME_OF(read_patience_ms), 0, 86400000},
    {"shutdown_timeout", "For the last checkpoints when bitd is told to stop.", TIME_OF(shutdown_ms), 100, 86400000},
    {"plan_timeout", "For bitworker --plan at a submission.", TIME_OF(plan_ms), 100, 600000},
    {"slurm_poll", "Between two queries to Slurm about a submitted job.", TIME_OF(slurm_poll_ms), 100, 3600000},
};

void bit_config_init(struct bit_config *c)
{
    *c = (struct bit_config){
        .mpirun = "mpirun",
        .log_level = BIT_LOG_INFO,
        .slots = 1,
        .runs_per_user = 1000,
        .lookahead = 4,
        .clients_per_user = 64,
        .waits_per_user = 48,
        .streams_per_user = 32,
        .start_ms = 600000,
        .launch_patience_ms = 600000,
        .restart_delay_max_ms = 60000,
        .reconnect_ms = 60000,
        .heartbeat_ms = 5000,
        .stall_ms = 10000,
        .stall_factor = 5,
        .long_ms = 300000,
        .fence_ms = 300000,
        .grace_ms = 5000,
        .checkpoint_retry_ms = 5000,
        .read_patience_ms = 600000,
        .shutdown_ms = 120000,
        .plan_ms = 30000,
        .slurm_poll_ms = 5000,
        .client_ms = 10000,
        .hook_ms = 30000,
        .metrics_keep_ms = 600000,
    };
    bit_state_folder_default(c->state, sizeof c->state);
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < BIT_COUNT(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static int unknown_key(const char *name)
{
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < BIT_COUNT(keys); i++)
        bit_nearest_offer(&nearest, keys[i].name);
    const char *near = bit_nearest_name(&nearest);
    if (near == NULL)
        return bit_fail(BIT_EUSAGE, "there is no setting '%s'", name);
    return bit_fail(BIT_EUSAGE, "there is no setting '%s'; did you mean '%s'?", name, near);
}

static int set_count(void *field, const struct key *key, const char *value)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)value[0]) || *end != '\0' || v < key->least || v > key->most)
        return bit_fail(BIT_EUSAGE, "%s = %s: a number from %" PRIu64 " to %" PRIu64, key->name, value, key->least,
                        key->most);
    *(uint32_t *)field = (uint32_t)v;
    return 0;
}

static int set_milliseconds(void *field, const struct key *key, const char *value)
{
    char *end;
    double ms = strtod(value, &end) * 1000;

    if (end == value || *end != '\0' || !(ms >= (double)key->least && ms <= (double)key->most))
        return bit_fail(BIT_EUSAGE, "%s = %s: seconds from %g to %g", key->name, value, (double)key->least / 1000,
                        (double)key->most / 1000);
    *(uint64_t *)field = (uint64_t)ms;
    return 0;
}

static int set_text(char *field, const struct key *key, const char *value)
{
    if (strlen(value) >= key->most)
        return bit_fail(BIT_EUSAGE, "%s: longer than %" PRIu64 " bytes", key->name, key->most - 1);
    memcpy(field, value, strlen(value) + 1);
    return 0;
}

/* Parsed here so that an error names file and line; the address is bound when the daemon starts. */
static int set_address(char *field, const struct key *key, const char *value)
{
    struct bit_address address;
    int err = value[0] == '\0' ? 0 : bit_address_parse(value, &address);

    if (err < 0)
        return bit_fail_within(err, "%s", key->name);
    return set_text(field, key, value);
}

static int set_metrics(char *field, const struct key *key, const char *value)
{
    struct bit_metrics_address address;
    int err = value[0] == '\0' ? 0 : bit_metrics_address_parse(value, &address);

    return err < 0 ? bit_fail_within(err, "%s", key->name) : set_text(field, key, value);
}

static int set_list(char *field, const struct key *key, const char *value)
{
    int err = key->kind == VARIABLES
                  ? bit_allow_check_variables(value)
                  : bit_allow_check_options(key->kind == SRUN_OPTIONS ? BIT_SLURM_SRUN : BIT_SLURM_SBATCH, value);

    return err < 0 ? bit_fail_within(err, "%s", key->name) : set_text(field, key, value);
}

/* Whether the program exists is not checked: it is looked up at each call. */
static int set_hook(char *field, const struct key *key, const char *value)
{
    if (value[0] != '\0' && value[0] != '/')
        return bit_fail(BIT_EUSAGE, "%s = %s: give the program's full path, as in /usr/local/bin/tell", key->name,
                        value);
    if (strpbrk(value, "\"'`$") != NULL)
        return bit_fail(BIT_EUSAGE,
                        "%s = %s: no shell runs this line: put anything that needs quotes or $ into a "
                        "script",
                        key->name, value);
    return set_text(field, key, value);
}

static const char *const link_kinds[] = {
    [BIT_LINK_AUTO] = "auto",
    [BIT_LINK_UNIX] = "unix",
    [BIT_LINK_TCP] = "tcp",
};

static int set_link(enum bit_link_kind *field, const char *value)
{
    for (size_t i = 0; i < BIT_COUNT(link_kinds); i++)
        if (strcmp(link_kinds[i], value) == 0) {
            *field = (enum bit_link_kind)i;
            return 0;
        }
    return bit_fail(BIT_EUSAGE, "link = %s: auto, unix or tcp", value);
}

static int set_yes_or_no(bool *field, const struct key *key, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return bit_fail(BIT_EUSAGE, "%s = %s: yes or no", key->name, value);
    *field = value[0] == 'y';
    return 0;
}

static int set_level(enum bit_log_level *field, const char *value)
{
    int level = bit_log_level_parse(value);

    if (level < 0)
        return bit_fail(BIT_EUSAGE, "log_level = %s: error, warn, info or debug", value);
    *field = (enum bit_log_level)level;
    return 0;
}

int bit_config_set(struct bit_config *c, const char *name, const char *value)
{
    const struct key *key = find_key(name);

    if (key == NULL)
        return unknown_key(name);
    void *field = (char *)c + key->offset;
    switch (key->kind) {
    case TEXT:
        return set_text(field, key, value);
    case COUNT:
        return set_count(field, key, value);
    case MILLISECONDS:
        return set_milliseconds(field, key, value);
    case ADDRESS:
        return set_address(field, key, value);
    case METRICS:
        return set_metrics(field, key, value);
    case LINK:
        return set_link(field, value);
    case SRUN_OPTIONS:
    case SBATCH_OPTIONS:
    case VARIABLES:
        return set_list(field, key, value);
    case HOOK:
        return set_hook(field, key, value);
    case LEVEL:
        return set_level(field, value);
    case YES_OR_NO:
        return set_yes_or_no(field, key, value);
    }
    return 0;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static int load_line(struct bit_config *c, const char *path, int number, char *line)
{
    line[strcspn(line, "#\n")] = '\0';
    char *key = trim(line);
    if (*key == '\0')
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return bit_fail(BIT_EUSAGE, "%s:%d: expected key = value", path, number);
    *equals = '\0';
    int err = bit_config_set(c, trim(key), trim(equals + 1));
    if (err == 0)
        return 0;
    char why[BIT_ERR_TEXT_MAX];
    bit_format(why, sizeof why, "%s", bit_fail_text());
    return bit_fail(err, "%s:%d: %s", path, number, why);
}

int bit_config_load(struct bit_config *c, const char *path)
{
    char line[BIT_ALLOW_MAX + 256];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    int err = 0;
    for (int number = 1; err == 0 && fgets(line, sizeof line, file) != NULL; number++)
        err = load_line(c, path, number, line + (number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0));
    if (err == 0 && ferror(file))
        err = bit_fail(-errno, "%s: %s", path, strerror(errno));
    fclose(file);
    if (err == 0)
        snprintf(c->file, sizeof c->file, "%s", path);
    return err;
}

static int default_socket(struct bit_config *c)
{
    const char *named = getenv("BITD_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
    int n;

    if (named != NULL && *named != '\0')
        n = snprintf(c->socket, sizeof c->socket, "%s", named);
    else if (runtime != NULL && *runtime != '\0')
        n = snprintf(c->socket, sizeof c->socket, "%s/bitd.sock", runtime);
    else
        n = snprintf(c->socket, sizeof c->socket, "%s/bitd.sock", c->state);
    if (n >= (int)sizeof c->socket)
        return bit_fail(BIT_EUSAGE, "socket: a path longer than %zu bytes", sizeof c->socket - 1);
    return 0;
}

static int make_absolute(char *path, size_t room, const char *what)
{
    char cwd[BIT_CONFIG_PATH_MAX], joined[2 * BIT_CONFIG_PATH_MAX];

    if (path[0] == '/')
        return 0;
    if (getcwd(cwd, sizeof cwd) == NULL)
        return bit_fail(-errno, "the current folder: %s", strerror(errno));
    snprintf(joined, sizeof joined, "%s/%s", cwd, path);
    if (strlen(joined) >= room)
        return bit_fail(BIT_EUSAGE, "%s: a path longer than %zu bytes", what, room - 1);
    memcpy(path, joined, strlen(joined) + 1);
    return 0;
}

/* Texts are sent to clients, and strings in messages must be UTF-8. */
static int check_texts(const struct bit_config *c)
{
    for (size_t i = 0; i < BIT_COUNT(keys); i++) {
        const char *text = (const char *)c + keys[i].offset;
        if ((keys[i].kind == TEXT || keys[i].kind == HOOK) && !bit_utf8_valid(text, strlen(text)))
            return bit_fail(BIT_EUSAGE, "%s = %s: not UTF-8 (its bytes shown as ?); bitd accepts only names in UTF-8",
                            keys[i].name, text);
    }
    return 0;
}

/* Other hosts may read the numbers only if metrics_remote says so. */
static int check_metrics(const struct bit_config *c)
{
    struct bit_metrics_address address;
    int err = c->metrics[0] == '\0' ? 0 : bit_metrics_address_parse(c->metrics, &address);

    if (err < 0 || c->metrics[0] == '\0' || address.loopback || c->metrics_remote)
        return err;
    return bit_fail(BIT_EUSAGE,
                    "metrics = %s: other hosts reach that address, and everybody there would read the numbers; if "
                    "that is intended, set metrics_remote = yes, else use 127.0.0.1 or a Unix socket",
                    c->metrics);
}

int bit_config_finish(struct bit_config *c)
{
    if (c->state[0] == '\0')
        return bit_fail(BIT_EUSAGE, "state: no folder is known: set `state` or $HOME");
    int err = make_absolute(c->state, sizeof c->state, "state");
    if (err == 0 && snprintf(c->link, sizeof c->link, "%s/link.sock", c->state) >= (int)sizeof c->link)
        err = bit_fail(BIT_EUSAGE, "state: a path longer than %zu bytes", sizeof c->link - sizeof "/link.sock");
    if (err == 0 && c->link_kind == BIT_LINK_TCP && c->listen[0] == '\0')
        err = bit_fail(BIT_EUSAGE, "link = tcp: set `listen`, too: the address for the workers");
    if (err == 0 && c->socket[0] == '\0')
        err = default_socket(c);
    if (err == 0)
        err = make_absolute(c->socket, sizeof c->socket, "socket");
    if (err == 0 && c->log[0] != '\0')
        err = make_absolute(c->log, sizeof c->log, "log");
    if (err == 0 && c->run[0] != '\0')
        err = make_absolute(c->run, sizeof c->run, "run");
    if (err == 0 && c->worker[0] == '\0')
        bit_plan_answer_find_worker(c->worker, sizeof c->worker);
    else if (err == 0 && strchr(c->worker, '/') != NULL)
        err = make_absolute(c->worker, sizeof c->worker, "worker");
    if (err == 0)
        err = check_metrics(c);
    return err < 0 ? err : check_texts(c);
}

/* ---- the settings' documentation */

static const char *name_of_level(enum bit_log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < BIT_COUNT(names); i++)
        if (bit_log_level_parse(names[i]) == (int)level)
            return names[i];
    return "";
}

static void text_of_default(const struct key *key, char *out, size_t room)
{
    struct bit_config c;

    bit_config_init(&c);
    const void *at = (const char *)&c + key->offset;
    if (key->without != NULL)
        snprintf(out, room, "%s", key->without);
    else if (key->kind == MILLISECONDS)
        snprintf(out, room, "%g", (double)*(const uint64_t *)at / 1000);
    else if (key->kind == COUNT)
        snprintf(out, room, "%" PRIu32, *(const uint32_t *)at);
    else if (key->kind == LEVEL)
        snprintf(out, room, "%s", name_of_level(c.log_level));
    else if (key->kind == YES_OR_NO)
        snprintf(out, room, "%s", *(const bool *)at ? "yes" : "no");
    else
        snprintf(out, room, "%s", key->kind == LINK ? link_kinds[c.link_kind] : (const char *)at);
}

static void text_of_range(const struct key *key, char *out, size_t room)
{
    out[0] = '\0';
    if (key->kind == MILLISECONDS)
        snprintf(out, room, "%g to %g seconds", (double)key->least / 1000, (double)key->most / 1000);
    else if (key->kind == COUNT)
        snprintf(out, room, "%" PRIu64 " to %" PRIu64, key->least, key->most);
}

bool bit_config_describe(size_t i, struct bit_config_setting *out)
{
    if (i >= BIT_COUNT(keys))
        return false;
    *out = (struct bit_config_setting){.name = keys[i].name, .help = keys[i].help, .group = keys[i].group};
    out->is_value = keys[i].without == NULL;
    text_of_default(&keys[i], out->fallback, sizeof out->fallback);
    text_of_range(&keys[i], out->range, sizeof out->range);
    return true;
}
